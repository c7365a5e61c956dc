"""The files of a batch: results.jsonl, results.csv and the report, out of its journal."""

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
    film_thumbnail,
    heatmap_thumbnail,
    thumbnail_side,
    write,
)
from pneumonia_cli.reporting.verdict import group_of

CSV_FILE = "results.csv"

NO_RESULT = "There is no result yet. `pneumonia results` fetches it when it is there."

OnProgress = Callable[[], None]


@dataclass(frozen=True)
class Summary:
    """Counts of a batch. `triage` counts the predicted films, `groups` counts them by triage or caveat (`verdict`);
    `rejected_by_code` counts the others by why they were refused, the most frequent code first."""

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
    """One line a film, as `make demo` writes them: `file`, the fields of the result, `heatmap_file`; with a prevalence
    `at_prevalence`, where there is a probability; `feedback` where there is some."""
    for film in journal.films():
        if film.result is None:
            line: dict[str, Any] = {"file": film.name, "status": "missing", "detail": film.reason or NO_RESULT}
            # Where the film was uploaded, this is what to look for in the logs.
            yield line | ({"correlation_id": film.correlation_id} if film.correlation_id else {})
        else:
            said = (feedback or {}).get(film.upload_key or "")
            more = {"heatmap_file": film.heatmap_file} | ({"feedback": dict(said)} if said else {})
            yield with_prevalence({"file": film.name, **film.result, **more}, prevalence)


def write_tables(
    journal: Journal, out: Path, prevalence: float | None = None, feedback: Feedback | None = None
) -> Summary:
    """Write results.jsonl and results.csv; returns the counts. `prevalence` and `feedback`: see `lines`."""
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
    """Write the report, film by film; returns its path. `images`: where the films lie, as far as known. `prevalence`:
    see `lines`."""
    side = thumbnail_side(journal.counts()["predicted"])
    rejected = [Outcome(_named(film), as_typed(film.result)) for film in journal.films("rejected") if film.result]
    missing = [Outcome(_named(film), missing=film.reason or NO_RESULT) for film in journal.films(WAITING, "failed")]
    tally = Tally()
    for film in journal.films("predicted"):
        if film.result is not None:
            tally.add(film.result)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool, _replacing(out / REPORT_FILE) as stream:

        def row(film: Entry) -> Row:
            return _report_row(film, out, images.get(film.name), side, prevalence)

        def rows() -> Iterator[Row]:
            for made in ordered_map(pool, row, journal.films("predicted"), ahead=16):
                yield made
                on_progress()

        write(stream, Content(rows(), tally, rejected, missing, card, datetime.now()))
    return out / REPORT_FILE


def _report_row(film: Entry, out: Path, image: Path | None, side: int, prevalence: float | None) -> Row:
    heatmap = None
    if film.heatmap_file is not None:
        with suppress(OSError):  # removed by the user: the film alone is shown
            heatmap = heatmap_thumbnail((out / film.heatmap_file).read_bytes(), side)
    result = with_prevalence(film.result or {}, prevalence)
    return Row(film.name, _film_thumbnail(image, side), heatmap, film.heatmap_file, result)


def _film_thumbnail(image: Path | None, side: int) -> str | None:
    """None where the film is not here (any more), or no longer what was uploaded: the heatmap shows it."""
    if image is None:
        return None
    try:
        data = read(image, Limits.max_image_bytes)
        return film_thumbnail(data, Limits(), side)
    except (Refused, PneumoniaError):
        return None


def _named(film: Entry) -> ImageFile:
    return ImageFile(Path(film.name), film.name)


@contextmanager
def _replacing(path: Path, encoding: str = "utf-8") -> Iterator[TextIO]:
    """A text file that takes its place when it is complete: readers never see half of one."""
    unfinished = path.with_name(f".{path.name}.part")
    with writing(path):
        try:
            with unfinished.open("w", encoding=encoding, newline="") as stream:
                yield stream
            unfinished.replace(path)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink()
            # In the name of the file that the user knows.
            raise OSError(error.errno, error.strerror, str(path)) from error
