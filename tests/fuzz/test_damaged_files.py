"""Every damaged or odd input gets a prediction, or a refusal with a code, from the whole service.

`make fuzz` does the same with twenty thousand inputs, and measures memory and processor time as well.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from pneumonia.decode.dispatch import decode
from pneumonia.handlers import api
from pneumonia.settings import Settings
from tests.fuzz.mutate import INJURIES, mutated
from tests.fuzz.seeds import crashes, seeds
from tests.fuzz.service import ENVIRONMENT, BrokenPromise, http_event, make_buckets, through_api, through_worker

NUMBERS = 400
UPLOADS = 40
EXAMPLES = 150

bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(autouse=True)
def service(tiny_service: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def buckets() -> Iterator[None]:
    with mock_aws():
        make_buckets()
        yield


def test_the_same_number_gives_the_same_input() -> None:
    assert [mutated(number) for number in range(20)] == [mutated(number) for number in range(20)]
    assert len({mutated(number)[1] for number in range(200)}) > 190


def test_most_seeds_can_be_read() -> None:
    """Otherwise the damage would never get past the first check."""
    limits = Settings(model_dir=Path()).limits
    own = {name: data for name, data in seeds().items() if not name.startswith("public-") and name != "TIFF-pages"}
    assert {decode(data, limits).format for data in own.values()} == {"DICOM", "JPEG", "PNG", "TIFF", "BMP", "WebP"}


def test_every_kind_of_damage_is_done() -> None:
    assert len(set(INJURIES)) == 9


@pytest.mark.parametrize("name", crashes())
def test_an_input_that_once_broke_something(name: str, buckets: None) -> None:
    data = crashes()[name]
    assert through_api(http_event(data)) == through_worker(data, name)


@pytest.mark.slow
def test_damaged_files_by_http() -> None:
    outcomes = {through_api(http_event(mutated(number)[1], query="heatmap=true")) for number in range(1, NUMBERS)}
    assert {"predicted", "undecodable_image", "unsupported_format"} <= outcomes


@pytest.mark.slow
def test_damaged_files_by_upload(buckets: None) -> None:
    for number in range(1, UPLOADS):
        data = mutated(number)[1]
        assert through_worker(data, f"image-{number}") == through_api(http_event(data)), number


files = st.one_of(
    st.binary(max_size=300),
    st.integers(0, 2**32).map(lambda number: mutated(number)[1]),
    st.tuples(st.sampled_from(sorted(seeds())), st.integers(0, 20_000)).map(lambda cut: seeds()[cut[0]][: cut[1]]),
    st.tuples(st.sampled_from(sorted(seeds())), st.binary(max_size=40)).map(lambda tail: seeds()[tail[0]] + tail[1]),
)
bodies = st.one_of(
    files,
    files.map(lambda data: json.dumps({"image": base64.b64encode(data).decode()}).encode()),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["image", "url", "x"]), inner),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.text(max_size=60).map(lambda url: json.dumps({"url": f"https://{url}"}).encode()),
)
types = st.sampled_from(
    ["application/octet-stream", "application/json", "image/png", "application/dicom", "text/plain", "", ";", "image/"]
)


@pytest.mark.slow
@bounded
@given(body=bodies, content_type=types, heatmap=st.sampled_from(["", "heatmap", "heatmap=no", "heatmap=%00"]))
def test_bodies_of_every_kind(body: bytes, content_type: str, heatmap: str) -> None:
    through_api(http_event(body, content_type=content_type, query=heatmap))


@pytest.mark.slow
@bounded
@given(
    changes=st.dictionaries(
        st.sampled_from(
            ["body", "isBase64Encoded", "headers", "rawQueryString", "rawPath", "requestContext", "cookies"]
        ),
        st.none() | st.booleans() | st.text(max_size=30) | st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
        max_size=3,
    )
)
def test_events_that_lambda_would_not_make(changes: dict[str, Any]) -> None:
    """The handler never raises an exception, and never returns a probability with an error."""
    from tests.fuzz.service import CONTEXT

    event = http_event(b"\xff\xd8\xff") | changes
    answer = api.handler(event, CONTEXT)
    assert "pneumonia" not in json.loads(answer["body"]) if "body" in answer else answer["code"]


def test_the_fuzzer_detects_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("pneumonia.decode.dispatch.decode_raster", fail)
    with pytest.raises(BrokenPromise, match="500"):
        through_api(http_event(seeds()["PNG-L-"]))
