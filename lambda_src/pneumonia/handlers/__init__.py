"""What Lambda calls, one module for each function, and what they do when they start."""
