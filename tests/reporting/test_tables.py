import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome
from pneumonia_cli.reporting.printable import printable
from pneumonia_cli.reporting.tables import MAX_ROWS, percent, predicted_table, refused_table, summary_table


def shown(table: Table) -> str:
    stream = io.StringIO()
    Console(file=stream, width=160).print(table)
    return stream.getvalue()


def predicted(name: str, probability: float) -> Outcome:
    triage = "likely_pneumonia" if probability > 0.9 else "likely_normal"
    label = "pneumonia" if probability > 0.5 else "normal"
    result = {"status": "predicted", "pneumonia": probability, "label": label, "triage": triage}
    return Outcome(ImageFile(Path(name), name), result | {"timing_ms": {"total": 41.6}, "threshold": 0.5})


def test_a_row_tells_file_probability_label_triage_and_time() -> None:
    text = shown(predicted_table([predicted("low.png", 0.123), predicted("high.png", 0.95)]))
    assert text.index("high.png") < text.index("low.png")
    for part in ("12.3%", "normal", "likely pneumonia", "42"):
        assert part in text


def test_of_many_the_two_ends_are_shown_and_said_so() -> None:
    count = 3 * MAX_ROWS
    text = shown(predicted_table([predicted(f"film-{n:03}.png", n / count) for n in range(count)]))
    assert f"{count - MAX_ROWS} more between" in text
    assert sum(f"film-{n:03}.png" in text for n in range(count)) == MAX_ROWS
    assert "film-000.png" in text
    assert f"film-{count - 1:03}.png" in text


def test_many_refused_are_cut_and_said_so() -> None:
    rows = [(f"file-{n:03}", "unsupported_format", "no film") for n in range(MAX_ROWS + 5)]
    text = shown(refused_table("refused", rows))
    assert "and 5 more" in text
    assert text.count("unsupported_format") == MAX_ROWS


def test_file_names_can_neither_be_markup_nor_steer_the_terminal() -> None:
    text = shown(refused_table("refused", [("[red]a[/nothing]\x1b[2J\n.png", "x", "y")]))
    assert "[red]a[/nothing]" in text
    assert "\x1b" not in text
    assert printable("a\x1bb\tc").plain == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


def test_summary_counts() -> None:
    results = [outcome.result for outcome in (predicted("a", 0.95), predicted("b", 0.1), predicted("c", 0.2))]
    text = shown(summary_table([result for result in results if result], refused=4))
    rows = {line.split("  ")[0]: line.split()[2] for line in text.splitlines() if line.startswith("likely")}
    assert rows == {"likely pneumonia": "1", "likely normal": "2"}
    assert "refused" in text
    assert "4" in text


def test_summary_of_nothing() -> None:
    assert "refused" in shown(summary_table([], refused=1))


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0.1%"), (0.0004, "0.1%"), (0.5, "50.0%"), (0.9996, "99.9%"), (1.0, "99.9%")]
)
def test_no_probability_is_shown_as_certain(share: float, text: str) -> None:
    assert percent(share) == text
