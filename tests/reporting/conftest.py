"""What the command of this folder exports into its process is undone."""

from tests.local.conftest import same_environment

__all__ = ["same_environment"]
