"""No file can make the function's processes exceed their total memory limit, even with a false header."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pneumonia.decode.formats import sniff
from pneumonia.decode.plain import is_plain
from tests.conftest import TinyMember, write_artifacts
from tests.fuzz.seeds import crashes, seeds
from tests.memory.bombs import BOMBS, PLAIN
from tests.memory.fuzz import IMAGES, MAKERS, drawn, run, wrong
from tests.memory.measure import Cost, Function, function

QUICK = ("png_tall_rgba", "tiff_tile", "webp", "dicom_hidden", "dicom_hidden_jpeg", "bmp_tall")

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    folder = tmp_path_factory.mktemp("measured")
    with function(write_artifacts(folder / "model", [TinyMember()]), folder) as running:
        running.warm_up(*(seeds()[name] for name in IMAGES))
        yield running


def check(service: Function, data: bytes) -> Cost:
    """Measure one file and compare it with the limits."""
    cost = service.cost(data)
    print(cost)
    assert wrong(cost, timed=False) is None
    return cost


@pytest.mark.parametrize("name", QUICK)
def test_a_bomb_needs_little_memory(name: str, service: Function) -> None:
    check(service, BOMBS[name]())


@pytest.mark.parametrize("name", ["webp", "webp_tall", "tiff_tile", "png_tall_rgba", "bmp_tall"])
def test_too_little_memory_is_the_reason(name: str, service: Function) -> None:
    assert check(service, BOMBS[name]()).outcome == "too_large"


@pytest.mark.parametrize("name", crashes())
def test_a_file_that_once_broke_something_needs_little_memory(name: str, service: Function) -> None:
    """It also leaves little memory in use."""
    check(service, crashes()[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in BOMBS if name not in QUICK])
def test_every_other_bomb_needs_little_memory(name: str, service: Function) -> None:
    check(service, BOMBS[name]())


@pytest.mark.slow
@pytest.mark.parametrize("make", PLAIN.values(), ids=PLAIN)
def test_decoding_in_the_functions_process_needs_little_memory(make: Callable[[], bytes], service: Function) -> None:
    data = make()
    assert is_plain(data, sniff(data))
    check(service, data)


def test_the_documents_say_how_many_bombs_there_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    assert f"`tests/memory` generates {len(BOMBS)} such files" in " ".join(page.split())


@pytest.mark.parametrize("name", BOMBS)
def test_no_bomb_is_plain(name: str) -> None:
    """Each is decoded in the separate process."""
    data = BOMBS[name]()
    assert not is_plain(data, sniff(data))


@pytest.mark.parametrize("numbers", [range(15), pytest.param(range(15, 500), marks=pytest.mark.slow)])
def test_made_up_headers_need_little_memory(numbers: range, service: Function) -> None:
    """`make fuzz` does the same with five thousand files, and measures the time as well."""
    found = {number: (name, wrong(cost, timed=False)) for number, name, cost in run(service, numbers)}
    assert {number: why for number, why in found.items() if why[1] is not None} == {}


def test_the_same_number_is_the_same_header() -> None:
    assert [drawn(number) for number in range(20)] == [drawn(number) for number in range(20)]
    assert {drawn(number)[0] for number in range(60)} == set(MAKERS)
