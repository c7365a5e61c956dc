"""What runs on a person's machine: the command line, the local cloud, and the reports that both write."""
