"""`pneumonia audit`: measure a model on a hospital's images and labels."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.table import Table

from pneumonia.errors import ModelError, PneumoniaError
from pneumonia.model.card import Card
from pneumonia.predictor import Predictor, process_predictor
from pneumonia.settings import process_settings
from pneumonia_cli.audit.compare import Comparison, compare
from pneumonia_cli.audit.labels import BadLabels, Labels, read_labels
from pneumonia_cli.audit.measure import Audit, measure
from pneumonia_cli.audit.report import POINTS, interval_words, render, share_interval_words
from pneumonia_cli.client import output
from pneumonia_cli.client.call import ask
from pneumonia_cli.client.errors import UPDATE, CliError, Refused, ServiceError, UsageProblem, exit_code
from pneumonia_cli.client.files import MAX_IMAGE_BYTES, find, read
from pneumonia_cli.client.parallel import ordered_map
from pneumonia_cli.client.records import as_result, print_records
from pneumonia_cli.client.service import Service
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.client.written import make_folder, write_bytes
from pneumonia_cli.local.environment import export_defaults
from pneumonia_cli.reporting.csv_rows import COLUMNS, ENCODING, csv_row
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.predict_all import predict_all
from pneumonia_cli.reporting.printable import printable

REPORT_FILE: Final = "audit.html"
FIGURES_FILE: Final = "audit.json"
FILMS_FILE: Final = "films.csv"

Line = dict[str, Any]
Answer = Callable[[Sequence[ImageFile]], Iterable[Line]]


@dataclass(frozen=True)
class Judge:
    """A model to measure: its card, and a function that returns one line for each image, in order."""

    card: Card
    answer: Answer


@dataclass(frozen=True)
class AuditOptions:
    """The user's options.

    `labels`: the table. `out`: the folder for the report. `against`: the folder of a second model.
    """

    labels: Path
    out: Path
    against: Path | None = None
    shape: Shape = Shape.TABLE


def local_judge(model_dir: Path | None = None) -> Judge:
    """Return the bundled model, or the model in `model_dir`. Raises CliError if the model cannot be used."""
    export_defaults(os.environ)
    try:
        predictor = (
            process_predictor()
            if model_dir is None
            else Predictor.load(replace(process_settings(), model_dir=model_dir))
        )
    except ModelError as error:
        raise UsageProblem(error.detail) if model_dir else CliError(error.detail) from error

    def answer(images: Sequence[ImageFile]) -> Iterator[Line]:
        try:
            yield from predict_all(predictor, images)
        except PneumoniaError as error:
            raise CliError(error.detail) from error

    return Judge(predictor.card, answer)


def service_judge(service: Service, jobs: int) -> Judge:
    """Return the model of a service. Raises ServiceError."""
    try:
        card = Card.from_document(service.card())
    except ModelError as error:
        raise ServiceError(f"The model card of the service cannot be read: {error.detail} {UPDATE}") from error

    def call(image: ImageFile) -> Line:
        try:
            data = read(image.path, MAX_IMAGE_BYTES)
            fields, _ = ask(service, data, heatmap=False, force=False, patience_seconds=120.0)
        except Refused as refused:
            return {"file": image.name, "error": refused.fields}
        return {"file": image.name, **fields}

    def answer(images: Sequence[ImageFile]) -> Iterator[Line]:
        with ThreadPoolExecutor(jobs) as pool:
            try:
                yield from ordered_map(pool, call, images, ahead=2 * jobs)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    return Judge(card, answer)


def run(judge: Judge, folder: Path, options: AuditOptions) -> int:
    """Predict each labelled image, write the report, print the figures, and return the exit code.

    Raises UsageProblem, ServiceError, UnwritableOutput.
    """
    if options.out.resolve().is_relative_to(folder.resolve()):
        raise UsageProblem(f"{options.out} is inside {folder}. Choose another folder with --out.")
    labels = _labels(folder, options.labels)
    judges = [judge, *([local_judge(options.against)] if options.against else [])]
    make_folder(options.out)
    lines = [_answers(judge, labels) for judge in judges]
    columns, rows = _rows(labels, lines)
    try:
        audits = [measure(labels.films, said, judge.card) for judge, said in zip(judges, lines, strict=True)]
    except ValueError:
        write_bytes(options.out / FILMS_FILE, _table(columns, rows))
        told = (
            "There are no figures, because all images with the same label were refused. The reasons are in "
            f"{options.out / FILMS_FILE}."
        )
        raise UsageProblem(told) from None
    comparison = compare(labels.films, *lines) if len(lines) == 2 else None
    figures = {
        "films": len(labels.films),
        "unlabelled": labels.unlabelled,
        "grouped_by_patient": labels.grouped,
        **audits[0].to_json(),
        "against": audits[1].to_json() if comparison else None,
        "comparison": comparison.to_json() if comparison else None,
    }
    write_bytes(options.out / REPORT_FILE, render(labels, audits, comparison, datetime.now()).encode())
    write_bytes(options.out / FIGURES_FILE, json.dumps(figures, indent=2).encode())
    write_bytes(options.out / FILMS_FILE, _table(columns, rows))
    if options.shape.for_programs:
        print_records(figures, columns, rows, options.shape)
    else:
        _show(labels, audits, comparison, options.out)
    return exit_code(refused=sum("error" in line for line in lines[0]))


def _labels(folder: Path, table: Path) -> Labels:
    try:
        content = table.read_bytes()
    except OSError as error:
        raise UsageProblem(f"The labels file {table} cannot be read: {error.strerror}.") from error
    try:
        return read_labels(content, find([str(folder)], exclude=[table]))
    except BadLabels as error:
        raise UsageProblem(str(error)) from None


def _answers(judge: Judge, labels: Labels) -> list[Line]:
    images = [labelled.image for labelled in labels.films]
    with output.progress() as bars:
        task = bars.add_task(f"{judge.card.name} {judge.card.version}", total=len(images))
        found = []
        for line in judge.answer(images):
            found.append(line)
            bars.advance(task)
        return found


def _rows(labels: Labels, lines: Sequence[Sequence[Line]]) -> tuple[list[str], list[dict[str, str]]]:
    """Return the columns, and a row for each image: label, result, and the result of any second model."""
    other = ("other_triage", "other_pneumonia", "other_code") if len(lines) == 2 else ()
    found = []
    for k, labelled in enumerate(labels.films):
        rows = [csv_row(as_result(said[k])) for said in lines]
        more = {f"other_{name}": rows[1][name] for name in ("triage", "pneumonia", "code")} if other else {}
        patient = csv_row({"file": labelled.patient})["file"]
        found.append(
            {"known_label": "pneumonia" if labelled.label else "normal", "patient": patient, **rows[0], **more}
        )
    return ["known_label", "patient", *COLUMNS, *other], found


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, columns)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode(ENCODING)


def _show(labels: Labels, audits: Sequence[Audit], comparison: Comparison | None, out: Path) -> None:
    for audit in audits:
        table = Table(title=f"{audit.card.name} {audit.card.version}", title_justify="left", box=box.SIMPLE_HEAD)
        table.add_column("")
        table.add_column("Sensitivity")
        table.add_column("Specificity")
        for name, word in POINTS.items():
            point = audit.points[name]
            table.add_row(word, share_interval_words(point["sensitivity"]), share_interval_words(point["specificity"]))
        output.stdout.print(table)
        counts, refused = audit.films, sum(sum(found.values()) for found in audit.refused.values())
        output.print_text(f"AUC {interval_words(audit.auc)}, calibration error {audit.calibration_error:.3f}")
        output.print_text(f"{counts['pneumonia']} images with pneumonia, {counts['normal']} normal, {refused} refused")
    if comparison is not None:
        output.print_text(
            f"Switching to the other model changes the triage of {comparison.triage_changed} of {comparison.films} "
            f"images, and the AUC by {interval_words(comparison.auc)}"
        )
    if not labels.grouped:
        output.print_text(
            "The labels do not name patients. The intervals are too narrow if some patients have several images."
        )
    output.stdout.print()
    output.print_text(f"{out / REPORT_FILE}, {FIGURES_FILE}, {FILMS_FILE}")
    output.stdout.print(printable(audits[0].card.notice, "yellow"))
