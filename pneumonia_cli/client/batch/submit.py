"""`pneumonia submit`: send a folder of images through the buckets of the stack, and write a report."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.text import Text

from pneumonia.errors import ModelError
from pneumonia.model.card import Card
from pneumonia_cli.client import output
from pneumonia_cli.client.batch.export import CSV_FILE, Summary, write_report, write_tables
from pneumonia_cli.client.batch.feedback import Feedback
from pneumonia_cli.client.batch.hospital_files import write_results
from pneumonia_cli.client.batch.journal import WAITING, Journal
from pneumonia_cli.client.batch.pipeline import BatchOptions, upload_and_collect
from pneumonia_cli.client.batch.places import Places
from pneumonia_cli.client.errors import EXIT_STOPPED, UPDATE, ServiceError, UsageProblem, exit_code
from pneumonia_cli.client.files import find
from pneumonia_cli.client.records import print_record
from pneumonia_cli.reporting.artifacts import REPORT_FILE, RESULTS_FILE
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.printable import printable
from pneumonia_cli.reporting.tables import STYLES
from pneumonia_cli.reporting.verdict import GROUPS, WORDS


def run(places: Places, load_card: Callable[[], Any], folder: Path, options: BatchOptions) -> int:
    """Upload the images, wait for the results, write the files, and return the exit code.

    `load_card` fetches the model card of the service before anything is uploaded. Raises ServiceError, UsageProblem.
    """
    if options.out.resolve().is_relative_to(folder.resolve()):
        # The next run would treat the results as images.
        raise UsageProblem(f"{options.out} is inside {folder}. Choose another folder with --out.")
    options.wanted.check()
    for option, results in options.wanted.folders.items():
        if results.resolve().is_relative_to(folder.resolve()):
            raise UsageProblem(f"{results} is inside {folder}. Choose another folder with {option}.")
    images = find([str(folder)])
    card = checked_card(load_card())
    with Journal(options.out, places.settings) as journal:
        journal.folder = folder
        try:
            with output.progress() as bars:
                why = upload_and_collect(places, journal, images, options, bars)
        except KeyboardInterrupt:
            journal.commit()
            output.stderr.print(Text(_stopped(journal, images), style="bold yellow"))
            return EXIT_STOPPED
        return finish(journal, {image.safe_name: image.path for image in images}, card, options, why)


def _stopped(journal: Journal, images: Sequence[ImageFile]) -> str:
    """Return the message for a stopped run. The message counts each image once."""
    states = dict(journal.states())
    found = Counter(states.get(image.safe_name) for image in images)
    predicted, refused, waiting = found["predicted"], found["rejected"], found[WAITING]
    left = len(images) - predicted - refused - waiting
    return (
        f"Stopped. Of {len(images)} images, {predicted} are predicted, {refused} refused, {waiting} uploaded without a "
        f"result, {left} not uploaded. Run the same command again to continue."
    )


def checked_card(document: Any) -> Card:
    """Return the model card. Raises ServiceError if this version cannot read it."""
    try:
        return Card.from_document(document)
    except ModelError as error:
        raise ServiceError(f"The model card of the service cannot be read: {error.detail} {UPDATE}") from error


def finish(
    journal: Journal,
    images: dict[str, Path],
    card: Card,
    options: BatchOptions,
    why: str | None,
    feedback: Feedback | None = None,
) -> int:
    """Write the files of a batch, print a summary, and return the exit code.

    `why`: the reason for missing results, if known. `feedback`: the readers' feedback on the results.
    """
    journal.commit()
    summary = write_tables(journal, options.out, options.prevalence, feedback)
    with output.progress() as bars:
        task = bars.add_task("Report   ", total=summary.predicted)
        write_report(journal, options.out, images, card, options.prevalence, lambda: bars.advance(task))
    results = write_results(journal, options, images, card) if options.wanted.folders else None
    if options.shape.for_programs:
        files = {name: str(options.out / name) for name in (CSV_FILE, RESULTS_FILE, REPORT_FILE)}
        print_record({**asdict(summary), "files": files, "reason": why}, options.shape)
    else:
        _show(summary, options.out, why, card.notice)
    not_sent = 0
    if results is not None:
        results.tell(for_programs=options.shape.for_programs)
        not_sent = results.not_sent
    return exit_code(summary.rejected, summary.missing + not_sent)


def _show(summary: Summary, out: Path, why: str | None, notice: str) -> None:
    told = Text()
    for group, word in GROUPS.items():
        if group in WORDS or group in summary.groups:
            told.append(f"{summary.groups.get(group, 0):>7} {word}\n", style=STYLES[group])
    told.append(f"{summary.rejected:>7} refused\n")
    for code, count in summary.rejected_by_code.items():
        told.append("      ").append(printable(f"{count:>7} {code}", "dim")).append("\n")
    told.append(f"{summary.missing:>7} without a result\n", style="bold red" if summary.missing else "")
    told.append(f"{summary.total:>7} images in total\n")
    if why:
        told.append("\n").append(printable(why, "bold red")).append("\n")
    told.append("\n").append(printable(f"{out / REPORT_FILE}, {CSV_FILE}, {RESULTS_FILE}")).append("\n")
    told.append(printable(notice, "yellow"))
    output.stdout.print(told, soft_wrap=True)
