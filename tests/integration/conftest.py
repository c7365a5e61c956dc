"""Fixtures: the local cloud in each mode of access.

Every AWS call that a handler makes in these tests is checked against the policies of its role.
"""

import contextlib
import os
from collections.abc import Iterator

import pytest

from pneumonia.settings import process_settings
from pneumonia_cli.local import functions
from pneumonia_cli.local.access import create_token
from pneumonia_cli.local.cloud import Cloud, local_cloud
from pneumonia_cli.local.environment import export_settings
from pneumonia_cli.local.function_url import FunctionUrl
from pneumonia_cli.local.poller import Poller
from pneumonia_cli.stack.context import default_context, default_settings
from pneumonia_cli.stack.settings import StackSettings
from tests.infra.conftest import Synthesise, synthesiser
from tests.integration.doors import Door, OpenDoor
from tests.permissions.roles import Checker
from tests.permissions.watch import watching


@pytest.fixture(scope="session")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Synthesise:
    """The function that synthesises stacks, each once per process."""
    return synthesiser(default_context(), tmp_path_factory)


@pytest.fixture(scope="session")
def checker(stacks: Synthesise) -> Checker:
    return Checker(stacks)


@pytest.fixture(autouse=True)
def permitted(checker: Checker) -> Iterator[None]:
    """Fail the test if a handler makes a call that its role does not allow."""
    with watching(checker.seen):
        yield


@pytest.fixture
def open_door(tiny_service: None, monkeypatch: pytest.MonkeyPatch) -> OpenDoor:
    """Return a function that starts the local cloud with a mode of access: `with open_door("token") as door`."""
    settings = default_settings()

    @contextlib.contextmanager
    def opened(mode: str) -> Iterator[Door]:
        with local_cloud(settings) as cloud:
            environment = {"MODEL_DIR": os.environ["MODEL_DIR"]}
            export_settings(settings, environment, mode)
            for name, value in environment.items():
                monkeypatch.setenv(name, value)
            process_settings.cache_clear()
            token = create_token() if mode == "token" else ""
            with FunctionUrl(functions.API_HANDLER, functions.api_context(settings)).running(0) as url:
                cloud.page_origins.add(url)
                yield Door(url, cloud, _poller(cloud, settings), token)

    return opened


def _poller(cloud: Cloud, settings: StackSettings) -> Poller:
    return Poller(cloud, functions.WORKER_HANDLER, functions.worker_context(settings), settings.batch_size)


@pytest.fixture
def door(open_door: OpenDoor) -> Iterator[Door]:
    with open_door("none") as opened:
        yield opened
