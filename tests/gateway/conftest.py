"""Fixtures: a gateway in this process, a PACS that keeps the objects it receives, and answers without a model."""

import gc
import io
import json
import logging
import os
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pynetdicom import AE, _config

from pneumonia_cli.client.commands.main import main
from pneumonia_cli.gateway.config import Config, parse
from pneumonia_cli.gateway.deliver import Destination
from pneumonia_cli.gateway.destinations import destination_of
from pneumonia_cli.gateway.log import Log
from pneumonia_cli.gateway.metrics import Metrics
from pneumonia_cli.gateway.node import running
from pneumonia_cli.local.cloud import local_cloud
from pneumonia_cli.local.environment import export_settings
from pneumonia_cli.local.function_url import FunctionUrl
from pneumonia_cli.local.functions import API_HANDLER, WORKER_HANDLER, api_context, worker_context
from pneumonia_cli.local.poller import Poller
from pneumonia_cli.stack.context import default_settings
from tests.client.conftest import Ran, Stack
from tests.dicom_out.films import make_heatmap
from tests.gateway.fakes import FakeAnswers, Pacs


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo the changes that a gateway makes to its process, and silence pynetdicom."""
    monkeypatch.setattr(_config, "STORE_RECV_CHUNKED_DATASET", False)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
    mask = os.umask(0o077)
    os.umask(mask)
    with warnings.catch_warnings():
        yield
    os.umask(mask)
    logging.disable(logging.NOTSET)


@pytest.fixture
def pacs() -> Iterator[Pacs]:
    running_pacs = Pacs()
    yield running_pacs
    running_pacs.close()
    # pynetdicom does not close sockets and files of failed associations. Collect them here, without warnings.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def answers() -> FakeAnswers:
    return FakeAnswers(make_heatmap())


MakeConfig = Callable[..., Config]
Command = Callable[..., Ran]


@pytest.fixture
def make_config(tmp_path: Path, pacs: Pacs) -> MakeConfig:
    """Return a gateway's configuration, with retries after a short wait: make_config(listen={...}, ...)."""

    def make(**sections: Any) -> Config:
        document: dict[str, Any] = {
            "state": str(tmp_path / "state"),
            "listen": {"host": "127.0.0.1", "port": 0},
            "deliver": {"host": "127.0.0.1", "port": pacs.port, "ae_title": "PACS", "timeout_seconds": 60},
            "limits": {"min_free_mb": 1, "first_retry_seconds": 0.05, "longest_retry_seconds": 0.1},
        }
        for name, values in sections.items():
            document[name] = {**document.get(name, {}), **values} if isinstance(values, dict) else values
        return parse(document)

    return make


class Gateway:
    """A running gateway."""

    def __init__(self, port: int, config: Config, log: io.StringIO, metrics: Metrics) -> None:
        self.port = port
        self.config = config
        self.metrics = metrics
        self._log = log

    @property
    def log(self) -> str:
        return self._log.getvalue()

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.log.splitlines()) if line["event"] == name]

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"pneumonia_gateway_{name}", labels) or 0.0


StartGateway = Callable[..., Gateway]


@pytest.fixture
def start_gateway(answers: FakeAnswers) -> Iterator[StartGateway]:
    with ExitStack() as stack:

        def start(config: Config, *, of: Any = None, destination: Destination | None = None) -> Gateway:
            stream, metrics = io.StringIO(), Metrics()
            port = stack.enter_context(
                running(config, of or answers, destination or destination_of(config), Log(stream), metrics)
            )
            return Gateway(port, config, stream, metrics)

        yield start


def send(
    port: int, *images: bytes, calling: str = "MODALITY", called: str = "PNEUMONIA", **tls: Any
) -> list[int | None]:
    """Send images by C-STORE. Return the statuses, or [] if the association was refused."""
    datasets = [dcmread(io.BytesIO(image)) for image in images]
    node = AE(ae_title=calling)
    for kind, syntax in {(d.SOPClassUID, d.file_meta.TransferSyntaxUID) for d in datasets}:
        node.add_requested_context(kind, syntax)
    link = node.associate("127.0.0.1", port, ae_title=called, **tls)
    if not link.is_established:
        return []
    try:
        return [link.send_c_store(dataset).get("Status") for dataset in datasets]
    finally:
        if link.is_established:
            link.release()


def until(happened: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait until a condition is true. The time limit only ensures that a failing test ends."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def environment() -> Iterator[None]:
    """Hide the developer's services and credentials, and undo the changes of a test to the environment."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("AWS_", "PNEUMONIA_"))]:
        del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def service(environment: None, tiny_service: None) -> Iterator[Stack]:
    """The complete service on this machine with the tiny model, including the worker."""
    settings = default_settings()
    export_settings(settings, os.environ)
    with local_cloud(settings) as cloud:
        poller = Poller(cloud, WORKER_HANDLER, worker_context(settings), settings.batch_size)
        with FunctionUrl(API_HANDLER, api_context(settings)).running(port=0) as url, poller.running():
            yield Stack(url, cloud, poller)


@pytest.fixture
def command(environment: None, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in this process: command("gateway", "status", "--json")."""

    def run(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run
