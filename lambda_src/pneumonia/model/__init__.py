"""The model: its card and files, its input, and the meaning of its numbers."""
