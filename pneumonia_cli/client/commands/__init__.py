"""The command line: names, options and help of the commands, and the exit code for each error."""
