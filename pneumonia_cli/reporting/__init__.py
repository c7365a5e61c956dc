"""Tables and reports that the demo and the command line show and write."""
