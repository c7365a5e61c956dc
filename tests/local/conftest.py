"""Fixtures of the local cloud: the settings of the stack, a running cloud with the tiny model, images on disk."""

import os
from collections.abc import Iterator

import pytest

from pneumonia_cli.local.cloud import Cloud, local_cloud
from pneumonia_cli.local.environment import export_settings
from pneumonia_cli.local.functions import WORKER_HANDLER, worker_context
from pneumonia_cli.local.poller import Poller
from pneumonia_cli.stack.context import default_settings
from pneumonia_cli.stack.settings import StackSettings


@pytest.fixture(autouse=True)
def same_environment() -> Iterator[None]:
    """Undo the settings that commands export into this process, and drop the client that the worker keeps."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def settings() -> StackSettings:
    return default_settings()


@pytest.fixture
def cloud(settings: StackSettings, tiny_service: None) -> Iterator[Cloud]:
    export_settings(settings, os.environ)
    with local_cloud(settings) as running:
        yield running


@pytest.fixture
def poller(cloud: Cloud, settings: StackSettings) -> Poller:
    """The real worker function with a poller, which reads the cloud's queue when the test calls it."""
    return Poller(cloud, WORKER_HANDLER, worker_context(settings), settings.batch_size)
