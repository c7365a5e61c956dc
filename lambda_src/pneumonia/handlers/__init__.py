"""The handlers that Lambda calls, one module per function, and their startup code."""
