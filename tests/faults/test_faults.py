"""A short run of `make faults`, and tests that its checks find each kind of error."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from pneumonia.uploads.names import HEATMAP_SUFFIX, JSON_SUFFIX
from pneumonia.uploads.results import Order
from tests.faults.hooks import RATES
from tests.faults.ledger import Ledger, Sent, Stored
from tests.faults.plan import Version, plan
from tests.faults.run import bench

KEY = "image.png"
IMAGE, OTHER = b"image", b"other"
TIME = datetime(2026, 1, 1, tzinfo=UTC)

Make = Callable[..., Any]


@pytest.mark.slow
def test_sixty_uploads_under_faults() -> None:
    report = bench(60, seed=7)
    assert report.wrongs == []
    assert report.uploads == 60 == report.predicted + report.rejected.total() + report.superseded
    assert report.faults.total() > 0
    assert report.dead_after_redrive == {"NotAnS3Event": report.poison}
    assert report.told >= report.predicted + report.rejected.total()


def test_the_seed_determines_the_plan() -> None:
    assert plan(200, 3) == plan(200, 3) != plan(200, 4)


def test_a_plan_covers_every_kind_of_upload() -> None:
    made = plan(1000, 1)
    assert len(made) == 1000
    assert {version.code for version in made} == {
        None,
        "unsupported_format",
        "undecodable_image",
        "too_large",
        "took_too_long",
    }
    assert {version.removal for version in made} == {"never", "before its event", "at some time"}
    assert any(version.plain for version in made)
    assert max(version.number for version in made) == 3
    again = {(version.key, version.data) for version in made}
    assert len(again) < len(made)  # an image is uploaded again under its key


def test_rates_are_shares_and_most_calls_succeed() -> None:
    assert all(0 < rate < 1 for rate in RATES.values())
    assert sum(RATES.values()) < 0.2


def sent(number: int = 0, data: bytes = IMAGE, **changes: Any) -> Sent:
    usual: dict[str, Any] = {"key": KEY, "number": number, "data": data, "code": None, "removal": "never"}
    version = Version(**usual | changes)
    return Sent(version, f"v{number}", "etag", f"{number:016X}")


def stored(number: int = 0, probability: float = 0.25, **changes: Any) -> Stored:
    document = {
        "status": "predicted",
        "pneumonia": probability,
        "heatmap": None,
        "source": {"version_id": f"v{number}", "etag": "etag"},
    } | changes
    return Stored(Order(f"{number:016X}", TIME, f"v{number}"), json.dumps(document).encode())


History = dict[str, list[Stored]]


def wrongs(
    uploads: list[Sent], written: list[Stored], dead: list[str] | None = None, more: History | None = None
) -> list[str]:
    ledger = Ledger({IMAGE: 0.25, OTHER: 0.75})
    for upload in uploads:
        ledger.add(upload)
    history = {KEY + JSON_SUFFIX: written} if written else {}
    return list(ledger.wrongs(history | (more or {}), [(KEY, name) for name in dead or []]))


@pytest.mark.parametrize(
    ("uploads", "written", "dead"),
    [
        ([sent()], [stored()], []),
        ([sent(), sent(1)], [stored(), stored(1)], []),
        ([sent(), sent(1)], [stored(1)], []),
        ([sent()], [], ["v0"]),
        ([sent(), sent(1)], [stored()], ["v1"]),
        ([sent(code="blank_image")], [stored(code="blank_image")], []),
        ([sent(removal="at some time")], [stored(code="upload_missing")], []),
    ],
)
def test_correct_results_are_accepted(uploads: list[Sent], written: list[Stored], dead: list[str]) -> None:
    assert wrongs(uploads, written, dead) == []


@pytest.mark.parametrize(
    ("uploads", "written", "why"),
    [
        ([sent()], [], "lost"),
        ([sent(), sent(1)], [stored()], "lost"),
        ([sent()], [stored(), stored()], "twice"),
        ([sent(), sent(1)], [stored(1), stored()], "older"),
        ([sent()], [stored(probability=0.75)], "probability"),
        ([sent()], [stored(code="blank_image")], "code"),
        ([sent()], [stored(code="upload_missing")], "missing"),
        ([sent(removal="before its event")], [stored()], "did not exist"),
        ([sent()], [stored(), stored(1)], "of no upload"),
        ([sent()], [stored(heatmap={"key": "k"})], "heatmap that does not exist"),
    ],
)
def test_wrong_results_are_found(uploads: list[Sent], written: list[Stored], why: str) -> None:
    assert [found for found in wrongs(uploads, written) if why in found]


def test_a_heatmap_of_another_upload_is_found() -> None:
    heatmap = {KEY + HEATMAP_SUFFIX: [stored()]}
    result = stored(1, probability=0.75, heatmap={"key": "k"})
    (why,) = wrongs([sent(), sent(1, OTHER)], [result], more=heatmap)
    assert "of another upload" in why


def test_a_result_of_no_upload_is_found() -> None:
    (why,) = wrongs([], [], more={"other.png.json": [stored()]})
    assert "of no upload" in why
