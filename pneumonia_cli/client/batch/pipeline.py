"""The way of a batch: films up, results down, side by side."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from pneumonia_cli.client.batch.collect import Collector, Patience
from pneumonia_cli.client.batch.journal import Journal
from pneumonia_cli.client.batch.places import Places
from pneumonia_cli.client.batch.upload import Uploader
from pneumonia_cli.client.files import MAX_IMAGE_BYTES
from pneumonia_cli.reporting.images import ImageFile

_LOOK_EVERY_SECONDS = 1.0

NOT_BEGUN = "Not uploaded yet. The same command goes on from here."


@dataclass(frozen=True)
class BatchOptions:
    """What the user chose.

    `unanswered`: how many films may be uploaded and not yet answered. A whole batch at once would make all
    who come after it wait for its end, and set off the alarm on the age of the queue.
    `patience_seconds`: how long to wait without any news. `prevalence`: a share that probabilities are also given for.
    `dicom`: a folder for results as DICOM files.
    """

    out: Path
    jobs: int = 16
    unanswered: int = 1000
    patience_seconds: float = 900.0
    max_bytes: int = MAX_IMAGE_BYTES
    prevalence: float | None = None
    dicom: Path | None = None
    as_json: bool = False


def upload_and_collect(
    places: Places, journal: Journal, images: Sequence[ImageFile], options: BatchOptions, bars: Progress
) -> str | None:
    """Until every film has its result; or the reason why some will have none. Raises ServiceError."""
    with ThreadPoolExecutor(options.jobs) as pool:
        try:
            uploader = Uploader(
                places.s3,
                str(places.upload_bucket),
                journal,
                pool,
                max_bytes=options.max_bytes,
                at_once=options.jobs + 4,
            )
            collector = Collector(places.s3, places.result_bucket, journal.prefix, journal, pool, options.out)
            patience = Patience(options.patience_seconds, places.sqs, places.queue_url, places.dead_letter_queue_url)
            uploader.begin(images)
            why = _loop(uploader, collector, patience, journal, options.unanswered, len(images), bars)
            if why is not None:
                uploader.abandon(NOT_BEGUN)
            return why
        finally:
            # Whatever ended it: what has not begun is not begun any more.
            pool.shutdown(wait=True, cancel_futures=True)


def _loop(
    uploader: Uploader,
    collector: Collector,
    patience: Patience,
    journal: Journal,
    unanswered: int,
    total: int,
    bars: Progress,
) -> str | None:
    uploading = bars.add_task("Uploading", total=total)
    answering = bars.add_task("Results  ", total=total)
    waiting = journal.waiting()
    if waiting:
        collector.catch_up(waiting)
    next_look = time.monotonic()
    moved = True
    while uploader.busy or waiting:
        left = max(0.0, next_look - time.monotonic())
        done = uploader.step(left, room=unanswered - len(waiting))
        waiting |= {sent.key: None for sent in done if sent.key}
        bars.advance(uploading, len(done))
        moved = moved or bool(done)
        if time.monotonic() < next_look:
            if not done:  # none under way, and no room for more
                time.sleep(max(0.0, next_look - time.monotonic()))
            continue
        moved = bool(collector.look(waiting)) or moved
        counts = journal.counts()
        bars.update(answering, completed=min(counts["predicted"] + counts["rejected"], total))
        if moved:
            patience.news()
        elif why := patience.lost(len(waiting)):
            return why
        moved = False
        next_look = time.monotonic() + _LOOK_EVERY_SECONDS
    bars.update(answering, completed=total)
    return None
