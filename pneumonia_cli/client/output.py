"""What goes to the screen: results to standard output, progress and messages to standard error."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
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


class RateColumn(ProgressColumn):
    """Files a second, over the last half minute."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s", style="progress.data.speed")


def progress(*, quiet: bool = False) -> Progress:
    """Bars with counts, rate, time passed and time left, on standard error if that is a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=stderr,
        speed_estimate_period=_RATE_PERIOD_SECONDS,
        disable=quiet or not stderr.is_terminal,
    )


def print_json(value: Any) -> None:
    """One line of JSON on standard output."""
    print(json.dumps(value), flush=True)


def print_text(text: str) -> None:
    """A line on standard output: nothing in it is markup or steers the terminal, and no width breaks it."""
    stdout.print(printable(text), soft_wrap=True)


def print_problem(text: str) -> None:
    """A line in red on standard error, as safe as `print_text`."""
    stderr.print(printable(text, "red"))


def outcome_of(image: ImageFile, line: Mapping[str, Any]) -> Outcome:
    """What tables take, from a line: `file` and the fields of an answer, or `file` and `error`."""
    if "error" in line:
        return Outcome(image, {**line["error"], "status": "rejected"})
    return Outcome(image, {**line, "status": "predicted"})


def show(outcomes: Sequence[Outcome]) -> None:
    """Tables of answers, refusals and counts, and the notice."""
    tables.show(stdout, outcomes)
    notices = (outcome.result["notice"] for outcome in outcomes if outcome.status == "predicted" and outcome.result)
    if notice := next(notices, None):
        stdout.print(printable(str(notice), "yellow"))
