"""Print records for programs on standard output, as JSON or CSV."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pneumonia_cli.client.output import print_json
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.reporting.cells import cell
from pneumonia_cli.reporting.csv_rows import COLUMNS, csv_row

Record = Mapping[str, Any]


def print_record(record: Record, shape: Shape) -> None:
    """Print one object, as JSON or as a CSV header and a row."""
    print_records(record, list(record), [record], shape)


def print_records(whole: Record, columns: Sequence[str], rows: Iterable[Record], shape: Shape) -> None:
    """Print many records: `whole` as JSON, or the `columns` of `rows` as CSV. The CSV header is always printed.

    Lists and objects are JSON inside their cell, so that the columns do not depend on their content.
    """
    if shape is Shape.JSON:
        print_json(whole)
        return
    _write_row(columns)
    for row in rows:
        _write_row([_text(row.get(name)) for name in columns])


def image_printer(shape: Shape) -> Callable[[Record], None]:
    """Return a function that prints the line of one image: `file`, and the fields of a prediction or `error`.

    The CSV columns are the columns of results.csv. For a table the function prints nothing.
    """
    if shape is Shape.JSON:
        return print_json
    if shape is Shape.TABLE:
        return lambda _line: None
    _write_row(COLUMNS)

    def row(line: Record) -> None:
        cells = csv_row(as_result(line))
        _write_row([cells[name] for name in COLUMNS])

    return row


def as_result(line: Record) -> dict[str, Any]:
    """Return the line of an image as in results.jsonl: with `status`, and with an error's fields next to `file`."""
    if "error" not in line:
        return {**line, "status": "predicted"}
    return {"file": line["file"], **line["error"], "status": "rejected"}


def _text(value: Any) -> str:
    return cell(json.dumps(value) if isinstance(value, (list, tuple, dict)) else value)


def _write_row(cells: Iterable[str]) -> None:
    csv.writer(sys.stdout, lineterminator="\n").writerow(cells)
    sys.stdout.flush()
