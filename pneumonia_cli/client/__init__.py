"""The `pneumonia` command, for the model on this machine, the local cloud, and a deployed stack."""
