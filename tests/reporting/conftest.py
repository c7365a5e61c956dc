"""Undo the changes that the tested command makes to the environment of this process."""

from tests.local.conftest import same_environment

__all__ = ["same_environment"]
