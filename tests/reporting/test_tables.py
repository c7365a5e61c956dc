import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome
from pneumonia_cli.reporting.printable import printable
from pneumonia_cli.reporting.tables import MAX_ROWS, STYLES, predicted_table, refused_table, summary_table


def shown(table: Table) -> str:
    stream = io.StringIO()
    Console(file=stream, width=160).print(table)
    return stream.getvalue()


def predicted(name: str, probability: float, **more: Any) -> Outcome:
    triage = "likely_pneumonia" if probability > 0.9 else "likely_normal"
    label = "pneumonia" if probability > 0.5 else "normal"
    result = {"status": "predicted", "pneumonia": probability, "label": label, "triage": triage}
    return Outcome(ImageFile(Path(name), name), result | {"timing_ms": {"total": 41.6}, "threshold": 0.5} | more)


def cells(outcome: Outcome) -> tuple[Text, Text]:
    """Return triage and probability in the table."""
    columns = predicted_table([outcome]).columns
    return tuple(next(iter(column.cells)) for column in columns[1:3])  # type: ignore[return-value]


def test_a_row_tells_file_triage_probability_and_time() -> None:
    text = shown(predicted_table([predicted("low.png", 0.123), predicted("high.png", 0.95)]))
    assert text.index("high.png") < text.index("low.png")
    for part in ("12.3%", "likely normal", "likely pneumonia", "42", "Pneumonia", "if 1 in 2 has it"):
        assert part in text
    row = next(line for line in text.splitlines() if "high.png" in line)
    assert row.index("likely pneumonia") < row.index("95.0%")


def test_the_number_is_the_one_at_the_prevalence_that_was_asked_for() -> None:
    elsewhere = {"prevalence": 0.1, "probability": 0.678}
    text = shown(predicted_table([predicted("a.png", 0.95, at_prevalence=elsewhere)]))
    assert "if 1 in 10 has it" in text
    assert "67.8%" in text
    assert "95.0%" not in text


@pytest.mark.parametrize(
    ("change", "words"),
    [({"in_training_population": False}, "outside trained population"), ({"forced": True}, "forced")],
)
def test_a_caveat_replaces_the_triage_and_its_colour(change: dict[str, Any], words: str) -> None:
    plain, probability = cells(predicted("a.png", 0.95))
    assert (plain.plain, plain.style, probability.style) == ("likely pneumonia", *[STYLES["likely_pneumonia"]] * 2)
    triage, probability = cells(predicted("a.png", 0.95, **change))
    assert triage.plain == f"{words} (likely pneumonia)"
    assert "red" not in f"{triage.style} {probability.style} {[span.style for span in triage.spans]}"


def test_long_tables_show_both_ends() -> None:
    count = 3 * MAX_ROWS
    text = shown(predicted_table([predicted(f"film-{n:03}.png", n / count) for n in range(count)]))
    assert f"{count - MAX_ROWS} more in between" in text
    assert sum(f"film-{n:03}.png" in text for n in range(count)) == MAX_ROWS
    assert "film-000.png" in text
    assert f"film-{count - 1:03}.png" in text


def test_long_tables_of_refused_images_are_cut() -> None:
    rows = [(f"file-{n:03}", "unsupported_format", "not an image") for n in range(MAX_ROWS + 5)]
    text = shown(refused_table("refused", rows))
    assert "and 5 more" in text
    assert text.count("unsupported_format") == MAX_ROWS


def test_markup_and_control_characters_in_file_names_are_inert() -> None:
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
    assert "forced" not in text


def test_the_summary_counts_images_with_a_caveat_separately() -> None:
    given = predicted("a", 0.95), predicted("b", 0.95, forced=True), predicted("c", 0.1, in_training_population=False)
    text = shown(summary_table([outcome.result for outcome in given if outcome.result], refused=0))
    rows = {line.split("  ")[0]: line.split("  ")[-1] for line in text.splitlines()}
    counts = {line[:28].split("  ")[0]: line[28:].split()[0] for line in text.splitlines() if line.strip()}
    assert (counts["likely pneumonia"], counts["forced"], counts["outside trained population"]) == ("1", "1", "1")
    assert rows


def test_summary_of_nothing() -> None:
    assert "refused" in shown(summary_table([], refused=1))
