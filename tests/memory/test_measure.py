"""The measurement covers every process, also one that is killed."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import TinyMember, write_artifacts
from tests.fuzz.seeds import seeds
from tests.memory.bombs import BOMBS, PLAIN
from tests.memory.measure import ROOT, Function, function

ENDLESS = b"never ends"
"""Text in a file that makes a decoder hang (tests/killers)."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    folder = tmp_path_factory.mktemp("measured")
    model = write_artifacts(folder / "model", [TinyMember()])
    with function(model, folder, path=(ROOT / "tests" / "killers",)) as running:
        running.warm_up(seeds()["PNG-L-"], seeds()["TIFF-L-"])
        yield running


def test_an_image_of_little_memory(service: Function) -> None:
    cost = service.cost(seeds()["TIFF-L-"])
    assert cost.outcome == "predicted"
    assert cost.peak_megabytes < 20
    assert 0 < cost.cpu_seconds < 1


def test_memory_of_the_functions_own_process_is_seen(service: Function) -> None:
    assert service.cost(PLAIN["png_colour"]()).peak_megabytes > 50


def test_memory_of_a_process_that_reaches_its_limit_is_seen(service: Function) -> None:
    cost = service.cost(BOMBS["dicom_precincts"]())
    assert cost.outcome == "too_large"
    assert cost.peak_megabytes > 150
    assert cost.cpu_seconds > 0.1


@pytest.mark.slow  # the process is killed only after ten seconds
def test_memory_of_a_process_that_is_killed_is_seen(service: Function) -> None:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((5000, 5000)).save(stream, "TIFF")
    cost = service.cost(stream.getvalue() + ENDLESS)
    assert cost.outcome == "took_too_long"
    assert cost.peak_megabytes > 20  # at least the file
    assert service.cost(seeds()["TIFF-L-"]).outcome == "predicted"
