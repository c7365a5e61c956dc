"""The AWS stack, with one construct per concern. All its settings are in :mod:`pneumonia_cli.stack.settings`."""
