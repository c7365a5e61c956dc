"""Images in, tables and reports out: what the demo and the command line show and write."""
