"""The AWS stack: one construct per concern, every setting in :mod:`infra.settings`."""
