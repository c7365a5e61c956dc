import re
import time
from typing import Any

import pytest
from rich.console import Console

from pneumonia_cli.client import output


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The clock of the progress output: `now`, in seconds."""
    told = {"now": 0.0}
    monkeypatch.setattr(time, "monotonic", lambda: told["now"])
    return told


def test_without_a_terminal_one_line_is_printed_each_minute(
    clock: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    with output.progress() as bars:
        uploading, answering = bars.add_task("Uploading", total=9), bars.add_task("Results  ", total=9)
        for minute in (0.5, 1.0, 1.5, 2.1):
            clock["now"] = 60 * minute
            bars.advance(uploading, 2)
            bars.update(answering, completed=int(minute))
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["Uploading 4 of 9, Results 0 of 9 after 1 min", "Uploading 8 of 9, Results 1 of 9 after 2 min"]


def test_quiet_says_nothing(clock: dict[str, float], capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress(quiet=True) as bars:
        task = bars.add_task("Calling", total=None)
        clock["now"] = 600.0
        bars.advance(task)
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_only_progress_bars(
    clock: dict[str, float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal: Any = Console(stderr=True, force_terminal=True, width=100)
    monkeypatch.setattr(output, "stderr", terminal)
    with output.progress() as bars:
        task = bars.add_task("Calling", total=2)
        clock["now"] = 600.0
        bars.advance(task)
    said = capsys.readouterr().err
    assert re.search("Calling.*1/2", said)
    assert " min" not in said
