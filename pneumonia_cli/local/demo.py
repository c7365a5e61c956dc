"""`make demo`: run the complete path on this machine, through the handlers that AWS runs.

Images are uploaded to a local S3, whose events go through a local queue to the worker. The results are fetched from the
results bucket. One image also goes through the Function URL. The demo prints a table, and writes results.jsonl,
heatmaps/ and report.html into a folder.
"""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pneumonia.errors import PneumoniaError
from pneumonia.predictor import process_predictor
from pneumonia_cli.local import functions
from pneumonia_cli.local.cloud import Cloud, local_cloud
from pneumonia_cli.local.environment import export_settings
from pneumonia_cli.local.function_url import FunctionUrl
from pneumonia_cli.local.http_check import HttpCheck, check
from pneumonia_cli.local.poller import Poller
from pneumonia_cli.local.uploads import collect, upload
from pneumonia_cli.reporting import artifacts, tables
from pneumonia_cli.reporting.images import ImageFile, NoImages, find_images
from pneumonia_cli.reporting.outcome import Outcome, by_status
from pneumonia_cli.reporting.printable import printable
from pneumonia_cli.reporting.report import render
from pneumonia_cli.stack.context import default_settings
from pneumonia_cli.stack.settings import StackSettings

EXIT_FAILED = 1
EXIT_USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo. Returns the exit code: 0, 1 if a result is missing, or 2 if there is no image or the folder cannot
    be written."""
    arguments = _parser().parse_args(argv)
    console = Console()
    try:
        images = find_images(arguments.images)
        export_settings(settings := default_settings(), os.environ)
        process_predictor()  # load it now, so that missing artifacts give a message instead of a stuck queue
    except NoImages as error:
        console.print(printable(str(error), "red"))
        return EXIT_USAGE
    except (PneumoniaError, OSError) as error:
        console.print(printable(str(error), "red"))
        return EXIT_FAILED
    try:
        artifacts.prepare(arguments.out)
        log = (arguments.out / artifacts.LOG_FILE).open("w", encoding="utf-8")
    except OSError as error:
        return _unwritable(console, arguments.out, error)
    with log, functions.logs_to(log):
        outcomes, http, seconds = _through_the_cloud(console, settings, images, arguments.timeout)
    try:
        _write(arguments.out, outcomes)
    except OSError as error:
        return _unwritable(console, arguments.out, error)
    _show(console, outcomes, http, seconds, arguments.out)
    complete = not by_status(outcomes, "missing") and (http is None or http.passed)
    return 0 if complete else EXIT_FAILED


def _unwritable(console: Console, out: Path, error: OSError) -> int:
    reason = f"{error.filename or out} cannot be written: {error.strerror}."
    console.print(printable(f"{reason} Free some space, get the permission or choose another folder (--out).", "red"))
    return EXIT_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.partition("\n\n")[2] if __doc__ else "")
    parser.add_argument(
        "--images",
        nargs="+",
        default=["samples"],
        metavar="PATH",
        help="files, folders or quoted patterns; folders include all they contain (default: samples)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo_out"), metavar="FOLDER", help="where to write (default: demo_out)"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=120.0,
        metavar="SECONDS",
        help="stop waiting after this time without a new result (default: 120)",
    )
    return parser


def _through_the_cloud(
    console: Console, settings: StackSettings, images: Sequence[ImageFile], patience_seconds: float
) -> tuple[list[Outcome], HttpCheck | None, float]:
    with local_cloud(settings) as cloud, _worker(cloud, settings):
        started = time.monotonic()
        outcomes = _upload_and_collect(console, cloud, images, patience_seconds)
        seconds = time.monotonic() - started
        front = FunctionUrl(functions.API_HANDLER, functions.api_context(settings))
        with front.running(port=0) as url:
            return outcomes, check(url, outcomes), seconds


@contextlib.contextmanager
def _worker(cloud: Cloud, settings: StackSettings) -> Iterator[None]:
    poller = Poller(cloud, functions.WORKER_HANDLER, functions.worker_context(settings), settings.batch_size)
    with poller.running():
        yield


def _upload_and_collect(
    console: Console, cloud: Cloud, images: Sequence[ImageFile], patience_seconds: float
) -> list[Outcome]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        uploading = progress.add_task("Uploading to S3", total=len(images))
        waiting = progress.add_task("Results in S3  ", total=len(images))
        failed = upload(cloud, images, lambda: progress.advance(uploading))
        uploaded = [image for image in images if image not in failed]
        outcomes = collect(cloud, uploaded, patience_seconds, lambda: progress.advance(waiting))
    return [*outcomes, *(Outcome(image, missing=why) for image, why in failed.items())]


def _write(out: Path, outcomes: Sequence[Outcome]) -> None:
    files = artifacts.heatmap_files([outcome.image for outcome in outcomes])
    artifacts.write_heatmaps(out, outcomes, files)
    artifacts.write_results(out, outcomes, files)
    predictor = process_predictor()
    page = render(outcomes, files, predictor.card, predictor.limits, datetime.now())
    (out / artifacts.REPORT_FILE).write_text(page, encoding="utf-8")


def _show(console: Console, outcomes: Sequence[Outcome], http: HttpCheck | None, seconds: float, out: Path) -> None:
    missing = by_status(outcomes, "missing")
    console.print()
    tables.show(console, outcomes)
    done = len(outcomes) - len(missing)
    console.print(f"S3 → SQS → worker → S3: {done} of {len(outcomes)} results in {seconds:.1f} s")
    if http is not None:
        console.print(printable(f"Function URL: {http.summary}", "" if http.passed else "red"))
    model = process_predictor().card
    console.print(f"Model {model.name} {model.version}.", highlight=False)
    console.print(printable(model.notice, "yellow"))
    console.print()
    for name in (artifacts.REPORT_FILE, artifacts.RESULTS_FILE, artifacts.HEATMAP_FOLDER):
        console.print(printable(f"  {out / name}", "bold" if name == artifacts.REPORT_FILE else ""))
    if missing:
        message = f"{len(missing)} of {len(outcomes)} results are missing. See the log {out / artifacts.LOG_FILE}"
        console.print(printable(message, "bold red"))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
