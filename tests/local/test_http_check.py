from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pneumonia.predictor import process_predictor
from pneumonia_cli.local.function_url import FunctionUrl
from pneumonia_cli.local.functions import API_HANDLER, api_context
from pneumonia_cli.local.http_check import check
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome
from pneumonia_cli.stack.settings import StackSettings


@pytest.fixture(autouse=True)
def open_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment as `export_settings` does for local runs."""
    monkeypatch.setenv("AUTH_MODE", "none")


@pytest.fixture
def outcome(tiny_service: None, tmp_path: Path, image_bytes: Callable[..., bytes]) -> Outcome:
    path = tmp_path / "image.png"
    path.write_bytes(image_bytes(180))
    answer = process_predictor().predict(path.read_bytes(), request_id="r", heatmap=False)
    return Outcome(ImageFile(path, "image.png"), {"status": "predicted", **answer.body})


@pytest.fixture
def rejected(tiny_service: None, tmp_path: Path) -> Outcome:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"no image")
    return Outcome(ImageFile(path, "notes.txt"), {"status": "rejected", "code": "unsupported_format"})


def through_http(
    settings: StackSettings, outcomes: list[Outcome], handler: Callable[[Any, Any], Any] = API_HANDLER
) -> Any:
    with FunctionUrl(handler, api_context(settings)).running(0) as url:
        return check(url, outcomes)


def test_the_same_answer_both_ways(settings: StackSettings, outcome: Outcome, rejected: Outcome) -> None:
    result = through_http(settings, [rejected, outcome])
    assert result.passed
    assert "image.png → 200" in result.summary


def test_a_different_answer_is_detected(settings: StackSettings, outcome: Outcome) -> None:
    assert outcome.result is not None
    other = Outcome(outcome.image, outcome.result | {"pneumonia": outcome.result["pneumonia"] - 0.01})
    result = through_http(settings, [other])
    assert not result.passed
    assert "DIFFERENT" in result.summary


def test_refused_both_ways(settings: StackSettings, rejected: Outcome) -> None:
    result = through_http(settings, [rejected])
    assert result.passed
    assert "415" in result.summary


def test_a_failing_function_is_detected(settings: StackSettings, outcome: Outcome) -> None:
    def broken(_event: Any, _context: Any) -> Any:
        raise RuntimeError("out of order")

    assert not through_http(settings, [outcome], broken).passed


def test_nothing_to_compare_with(settings: StackSettings, tmp_path: Path) -> None:
    assert through_http(settings, [Outcome(ImageFile(tmp_path, "x"), missing="late")]) is None
