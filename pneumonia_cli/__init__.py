"""The programs for a user's machine: the command line, the local cloud, the gateway, and their reports."""
