"""Fixtures of the local cloud: the stack's settings, a running cloud with the tiny model, films on disk."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.settings import Settings
from local.cloud import Cloud, local_cloud
from local.functions import WORKER_HANDLER, worker_context
from local.poller import Poller
from local.settings import export_settings, stack_settings
from pneumonia.handlers import worker

MakeFilms = Callable[..., Path]


@pytest.fixture(autouse=True)
def same_environment() -> Iterator[None]:
    """Commands export settings into their process: undone, as is the client that the worker keeps."""
    before = dict(os.environ)
    yield
    if worker._s3.cache_info().currsize:
        worker._s3().close()
    worker._s3.cache_clear()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def settings() -> Settings:
    return stack_settings()


@pytest.fixture
def cloud(settings: Settings, tiny_service: None) -> Iterator[Cloud]:
    export_settings(settings, os.environ)
    with local_cloud(settings) as running:
        yield running


@pytest.fixture
def poller(cloud: Cloud, settings: Settings) -> Poller:
    """The real worker at the queue of the cloud; polls when told to."""
    return Poller(cloud, WORKER_HANDLER, worker_context(settings), settings.batch_size)


@pytest.fixture
def make_films(tmp_path: Path, image_bytes: Callable[..., bytes]) -> MakeFilms:
    """A folder with images of one grey each, or with given bytes: make_films({"a/b.png": 200, "c.png": b"x"})."""

    def make(files: dict[str, int | bytes], folder: str = "films") -> Path:
        root = tmp_path / folder
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else image_bytes(content))
        return root

    return make
