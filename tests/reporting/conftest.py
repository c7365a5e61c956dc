"""Undo what the command of this folder exports into its process."""

from tests.local.conftest import same_environment

__all__ = ["same_environment"]
