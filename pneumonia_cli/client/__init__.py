"""The `pneumonia` command: the model on this machine, the local cloud, and the deployed stack."""
