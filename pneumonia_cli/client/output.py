"""Terminal output: results to standard output, progress and messages to standard error."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pneumonia_cli.reporting import tables
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome
from pneumonia_cli.reporting.printable import printable

stdout = Console()
stderr = Console(stderr=True, soft_wrap=True)

_RATE_PERIOD_SECONDS = 30.0
_LINE_EVERY_SECONDS = 60.0


class RateColumn(ProgressColumn):
    """Files per second over the last half minute."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s", style="progress.data.speed")


class _Reported(Progress):
    """Progress bars, or one line a minute if standard error is not a terminal."""

    def __init__(self, *columns: ProgressColumn, quiet: bool, **options: Any) -> None:
        super().__init__(*columns, disable=quiet or not stderr.is_terminal, **options)
        self._silent = quiet or stderr.is_terminal
        self._began = self._last_line = time.monotonic()

    def update(self, task_id: TaskID, **fields: Any) -> None:
        super().update(task_id, **fields)
        self._tell()

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self._tell()

    def _tell(self) -> None:
        now = time.monotonic()
        if self._silent or now - self._last_line < _LINE_EVERY_SECONDS:
            return
        self._last_line = now
        states = (
            f"{task.description.strip()} {task.completed:g}" + ("" if task.total is None else f" of {task.total:g}")
            for task in self.tasks
        )
        stderr.print(printable(f"{', '.join(states)} after {(now - self._began) / 60:.0f} min"))


def progress(*, quiet: bool = False) -> Progress:
    """Return progress bars for standard error. If standard error is not a terminal, print one line a minute instead."""
    return _Reported(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=stderr,
        speed_estimate_period=_RATE_PERIOD_SECONDS,
        quiet=quiet,
    )


def print_json(value: Any) -> None:
    """Print one line of JSON on standard output."""
    print(json.dumps(value), flush=True)


def print_text(text: str) -> None:
    """Print one unwrapped line on standard output. The text is safe for a terminal, as returned by `printable`."""
    stdout.print(printable(text), soft_wrap=True)


def print_problem(text: str) -> None:
    """Print text in red on standard error. It is safe for a terminal, as returned by `printable`."""
    stderr.print(printable(text, "red"))


def outcome_of(image: ImageFile, line: Mapping[str, Any]) -> Outcome:
    """Return the outcome of an image. `line`: `file`, and either the fields of its prediction or `error`."""
    if "error" in line:
        return Outcome(image, as_typed({**line["error"], "status": "rejected"}))
    return Outcome(image, {**line, "status": "predicted"})


def as_typed(refusal: Mapping[str, Any]) -> dict[str, Any]:
    """Return the refusal with advice for the command line: the option --force instead of `force=true`."""
    return {**refusal, "detail": str(refusal.get("detail", "")).replace("force=true", "--force")}


def show(outcomes: Sequence[Outcome]) -> None:
    """Print tables of predictions, refusals and counts, and the notice."""
    tables.show(stdout, outcomes)
    notices = (outcome.result["notice"] for outcome in outcomes if outcome.status == "predicted" and outcome.result)
    if notice := next(notices, None):
        stdout.print(printable(str(notice), "yellow"))
