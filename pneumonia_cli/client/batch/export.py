"""Write the files of a batch from its journal: results.jsonl, results.csv and the report."""

import csv
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from pneumonia.decode.limits import Limits
from pneumonia.errors import PneumoniaError
from pneumonia.model.card import Card
from pneumonia.prevalence import with_prevalence
from pneumonia_cli.client.batch.feedback import Feedback
from pneumonia_cli.client.batch.journal import WAITING, Entry, Journal
from pneumonia_cli.client.errors import Refused
from pneumonia_cli.client.files import read
from pneumonia_cli.client.output import as_typed
from pneumonia_cli.client.parallel import ordered_map
from pneumonia_cli.client.written import writing
from pneumonia_cli.reporting import csv_rows
from pneumonia_cli.reporting.artifacts import REPORT_FILE, RESULTS_FILE
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome
from pneumonia_cli.reporting.report import (
    Content,
    Row,
    Tally,
    heatmap_thumbnail,
    image_thumbnail,
    thumbnail_side,
    write,
)
from pneumonia_cli.reporting.verdict import group_of

CSV_FILE = "results.csv"

NO_RESULT = "There is no result yet. Run `pneumonia results` later to fetch it."

OnProgress = Callable[[], None]


@dataclass(frozen=True)
class Summary:
    """Counts of a batch.

    `triage` counts the predicted images, `groups` counts them by triage or caveat (`verdict`). `rejected_by_code`
    counts the refused images by code, the most frequent code first.
    """

    total: int
    predicted: int
    rejected: int
    missing: int
    triage: dict[str, int]
    groups: dict[str, int]
    rejected_by_code: dict[str, int]


def lines(
    journal: Journal, prevalence: float | None = None, feedback: Feedback | None = None
) -> Iterator[dict[str, Any]]:
    """Yield one line for each image, as `make demo` writes them.

    A line has `file`, the fields of the result and `heatmap_file`. With a prevalence, predictions also have
    `at_prevalence`. Results with feedback also have `feedback`.
    """
    for entry in journal.entries():
        if entry.result is None:
            line: dict[str, Any] = {"file": entry.name, "status": "missing", "detail": entry.reason or NO_RESULT}
            # For an uploaded image, this id finds its lines in the logs.
            yield line | ({"correlation_id": entry.correlation_id} if entry.correlation_id else {})
        else:
            said = (feedback or {}).get(entry.upload_key or "")
            more = {"heatmap_file": entry.heatmap_file} | ({"feedback": dict(said)} if said else {})
            yield with_prevalence({"file": entry.name, **entry.result, **more}, prevalence)


def write_tables(
    journal: Journal, out: Path, prevalence: float | None = None, feedback: Feedback | None = None
) -> Summary:
    """Write results.jsonl and results.csv, and return the counts. `prevalence` and `feedback`: see `lines`."""
    states: Counter[str] = Counter()
    triage: Counter[str] = Counter()
    groups: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    with (
        _replacing(out / RESULTS_FILE) as jsonl,
        _replacing(out / CSV_FILE, csv_rows.ENCODING) as table,
    ):
        writer = csv.DictWriter(table, csv_rows.COLUMNS)
        writer.writeheader()
        for line in lines(journal, prevalence, feedback):
            states[line["status"]] += 1
            if line["status"] == "predicted":
                triage[line["triage"]] += 1
                groups[group_of(line)] += 1
            elif line["status"] == "rejected":
                codes[str(line["code"])] += 1
            jsonl.write(json.dumps(line) + "\n")
            writer.writerow(csv_rows.csv_row(line))
    counts = states.total(), states["predicted"], states["rejected"], states["missing"]
    return Summary(*counts, dict(triage), dict(groups), dict(codes.most_common()))


def write_report(
    journal: Journal,
    out: Path,
    images: dict[str, Path],
    card: Card,
    prevalence: float | None = None,
    on_progress: OnProgress = lambda: None,
) -> Path:
    """Write the report image by image, and return its path.

    `images`: the paths of the images by name, if known. `prevalence`: see `lines`.
    """
    side = thumbnail_side(journal.counts()["predicted"])
    rejected = [Outcome(_named(entry), as_typed(entry.result)) for entry in journal.entries("rejected") if entry.result]
    missing = [
        Outcome(_named(entry), missing=entry.reason or NO_RESULT) for entry in journal.entries(WAITING, "failed")
    ]
    tally = Tally()
    for entry in journal.entries("predicted"):
        if entry.result is not None:
            tally.add(entry.result)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool, _replacing(out / REPORT_FILE) as stream:

        def row(entry: Entry) -> Row:
            return _report_row(entry, out, images.get(entry.name), side, prevalence)

        def rows() -> Iterator[Row]:
            for made in ordered_map(pool, row, journal.entries("predicted"), ahead=16):
                yield made
                on_progress()

        write(stream, Content(rows(), tally, rejected, missing, card, datetime.now()))
    return out / REPORT_FILE


def _report_row(entry: Entry, out: Path, image: Path | None, side: int, prevalence: float | None) -> Row:
    heatmap = None
    if entry.heatmap_file is not None:
        with suppress(OSError):  # the user removed the heatmap: show only the image
            heatmap = heatmap_thumbnail((out / entry.heatmap_file).read_bytes(), side)
    result = with_prevalence(entry.result or {}, prevalence)
    return Row(entry.name, _thumbnail(image, side), heatmap, entry.heatmap_file, result)


def _thumbnail(image: Path | None, side: int) -> str | None:
    """Return a thumbnail, or None if the file is missing or unreadable. The report then shows only the heatmap."""
    if image is None:
        return None
    try:
        data = read(image, Limits.max_image_bytes)
        return image_thumbnail(data, Limits(), side)
    except (Refused, PneumoniaError):
        return None


def _named(entry: Entry) -> ImageFile:
    return ImageFile(Path(entry.name), entry.name)


@contextmanager
def _replacing(path: Path, encoding: str = "utf-8") -> Iterator[TextIO]:
    """Yield a text file that replaces `path` when it is complete, so that readers never see half a file."""
    unfinished = path.with_name(f".{path.name}.part")
    with writing(path):
        try:
            with unfinished.open("w", encoding=encoding, newline="") as stream:
                yield stream
            unfinished.replace(path)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink()
            # Name the file that the user knows, not the temporary one.
            raise OSError(error.errno, error.strerror, str(path)) from error
