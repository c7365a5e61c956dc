"""The model: its card and files, its input, and what its numbers mean."""
