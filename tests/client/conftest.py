"""Fixtures for the command line: a complete service on this machine, and the command."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pneumonia_cli.client.commands.main import main
from pneumonia_cli.local.cloud import Cloud, local_cloud
from pneumonia_cli.local.environment import export_settings
from pneumonia_cli.local.function_url import FunctionUrl
from pneumonia_cli.local.functions import API_HANDLER, WORKER_HANDLER, api_context, worker_context
from pneumonia_cli.local.poller import Poller
from pneumonia_cli.stack.context import default_settings
from pneumonia_cli.stack.settings import StackSettings
from tests.permissions.commands import Checker


@pytest.fixture(autouse=True)
def same_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo a test's changes to the environment, and hide the developer's services and credentials."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("AWS_", "PNEUMONIA_"))]:
        del os.environ[name]
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    yield
    os.environ.clear()
    os.environ.update(before)


@dataclass
class Stack:
    """A service with the tiny model: its URL, its cloud, and its worker, which reads the queue on request."""

    url: str
    cloud: Cloud
    poller: Poller

    @property
    def options(self) -> list[str]:
        return ["--stack", "local", "--url", self.url]

    def uploads(self) -> list[tuple[str, str]]:
        """Return key and version of every object that was put into the upload bucket."""
        pages = self.cloud.s3.get_paginator("list_object_versions").paginate(Bucket="pneumonia-uploads")
        return [(version["Key"], version["VersionId"]) for page in pages for version in page.get("Versions", [])]


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
    """The real worker function with a poller, which reads the cloud's queue on request."""
    return Poller(cloud, WORKER_HANDLER, worker_context(settings), settings.batch_size)


@pytest.fixture
def stack(cloud: Cloud, poller: Poller, settings: StackSettings) -> Iterator[Stack]:
    """The complete service, with a worker that does not run."""
    with FunctionUrl(API_HANDLER, api_context(settings)).running(port=0) as url:
        yield Stack(url, cloud, poller)


@pytest.fixture
def service(stack: Stack) -> Iterator[Stack]:
    """The complete service, with a running worker."""
    with stack.poller.running():
        yield stack


@pytest.fixture(scope="session")
def permissions() -> Checker:
    """The checker of the AWS calls that commands make."""
    return Checker()


@pytest.fixture(autouse=True)
def permitted(permissions: Checker) -> Iterator[None]:
    """Fail the test if a command makes a call that docs/cli.md does not list for it."""
    with permissions.watching():
        yield


@dataclass(frozen=True)
class Ran:
    """The outcome of a command."""

    code: int
    out: str
    err: str


Pneumonia = Callable[..., Ran]


@pytest.fixture
def pneumonia(capsys: pytest.CaptureFixture[str], permissions: Checker) -> Pneumonia:
    """Run the command in this process: pneumonia("call", "image.png", "--json")."""

    def run(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        given = tuple(str(argument) for argument in arguments)
        with permissions.command(given):
            code = main(list(given))
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture
def working_folder(tmp_path: Path) -> Iterator[Path]:
    """The test's current folder."""
    with contextlib.chdir(tmp_path):
        yield tmp_path
