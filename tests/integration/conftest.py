"""Every call of AWS that a handler makes in these tests is held against the policies of its role."""

from collections.abc import Iterator

import pytest

from pneumonia_cli.stack.context import default_context
from tests.infra.conftest import Synthesise, synthesiser
from tests.permissions.roles import Checker
from tests.permissions.watch import watching


@pytest.fixture(scope="session")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Synthesise:
    """Synthesised once a process."""
    return synthesiser(default_context(), tmp_path_factory)


@pytest.fixture(scope="session")
def checker(stacks: Synthesise) -> Checker:
    return Checker(stacks)


@pytest.fixture(autouse=True)
def permitted(checker: Checker) -> Iterator[None]:
    """A call that the role does not allow fails the test."""
    with watching(checker.seen):
        yield
