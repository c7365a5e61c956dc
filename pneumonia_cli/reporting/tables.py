"""Tables of results for the terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pneumonia_cli.reporting.outcome import Outcome, by_status
from pneumonia_cli.reporting.printable import printable
from pneumonia_cli.reporting.verdict import (
    CAVEATS,
    GROUPS,
    MEANINGS,
    WORDS,
    caveat_of,
    group_of,
    number_of,
    percent,
    share_words,
)

MAX_ROWS = 24
"""The most predicted images in a table. If there are more, the table shows both ends of the list."""

STYLES = {"likely_pneumonia": "bold red", "indeterminate": "yellow", "likely_normal": "green"} | dict.fromkeys(
    CAVEATS, "bold magenta"
)
"""Styles of the groups of `verdict`. All caveats have the same colour, for any triage."""


def predicted_table(outcomes: Sequence[Outcome]) -> Table:
    """Return the table of predicted images, highest probability of pneumonia first."""
    ranked = by_status(outcomes, "predicted")
    table = Table(
        title=f"{len(ranked)} predicted, highest probability first", title_justify="left", box=box.SIMPLE_HEAD
    )
    table.add_column("File", overflow="fold")
    table.add_column("Triage")
    table.add_column(_heading(ranked), justify="right")
    table.add_column("ms", justify="right")
    half = MAX_ROWS // 2
    hidden = len(ranked) - 2 * half if len(ranked) > MAX_ROWS else 0
    shown = [*ranked[:half], None, *ranked[-half:]] if hidden else ranked
    for outcome in shown:
        if outcome is None:
            table.add_row(Text(f"… {hidden} more in between: see the report …", style="dim"))
        elif outcome.result is not None:
            table.add_row(printable(outcome.image.name), *_cells(outcome.result))
    return table


def _heading(ranked: Sequence[Outcome]) -> str:
    """Return the heading of the column of probabilities. It names their prevalence, which is the same for all."""
    shares = {number_of(outcome.result)[1] for outcome in ranked if outcome.result}
    return f"Pneumonia,\nif {share_words(shares.pop())} has it" if len(shares) == 1 else "Pneumonia"


def _cells(result: Mapping[str, Any]) -> tuple[Text, Text, Text]:
    caveat = caveat_of(result)
    words = Text(GROUPS[group_of(result)], style=STYLES[group_of(result)])
    if caveat is not None:
        words.append(f" ({WORDS[result['triage']]})", style="dim")
    number = percent(number_of(result)[0])
    milliseconds = f"{result['timing_ms']['total']:.0f}"
    return words, Text(number, style="dim" if caveat else STYLES[result["triage"]]), Text(milliseconds)


def refused_table(title: str, rows: Sequence[tuple[str, str, str]]) -> Table:
    """Return the table of files without a prediction: name, code, reason."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("File", overflow="fold")
    table.add_column("Code", no_wrap=True)
    table.add_column("Reason")
    for name, code, reason in rows[:MAX_ROWS]:
        table.add_row(printable(name), printable(code, "magenta"), printable(reason))
    if len(rows) > MAX_ROWS:
        table.add_row(Text(f"… and {len(rows) - MAX_ROWS} more: see the results file …", style="dim"))
    return table


def summary_table(results: Sequence[Mapping[str, Any]], refused: int) -> Table:
    """Return the table of counts by triage, with separate counts by caveat, and the median time of one image."""
    groups = Counter(group_of(result) for result in results)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    for group, word in GROUPS.items():
        if group in WORDS or groups[group]:
            told = _share(groups[group], results) if group in WORDS else MEANINGS[group]
            table.add_row(Text(word, style=STYLES[group]), str(groups[group]), told)
    table.add_row("refused", str(refused), "no prediction was made for these")
    if results:
        median = sorted(result["timing_ms"]["total"] for result in results)[len(results) // 2]
        table.add_row("median time", f"{median:.0f} ms", "decoding, model and heatmap of one image")
    return table


def show(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print the tables of predicted, refused and missing images, and their counts."""
    predicted, rejected, missing = (by_status(outcomes, s) for s in ("predicted", "rejected", "missing"))
    tables = []
    if predicted:
        tables.append(predicted_table(outcomes))
    if rejected:
        rows = [(o.image.name, o.result["code"], o.result["detail"]) for o in rejected if o.result]
        tables.append(refused_table(f"{len(rejected)} refused", rows))
    if missing:
        rows = [(o.image.name, "missing", o.missing or "") for o in missing]
        tables.append(refused_table(f"{len(missing)} MISSING", rows))
    tables.append(summary_table([o.result for o in predicted if o.result], len(rejected)))
    for table in tables:
        console.print(table)
        console.print()


def _share(count: int, results: Sequence[Mapping[str, Any]]) -> str:
    return f"{count / len(results):.0%}" if results else ""
