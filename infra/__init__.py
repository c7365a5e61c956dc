"""The AWS stack: one construct per concern, every setting in :mod:`pneumonia_cli.stack.settings`."""
