"""Run a batch: upload images and fetch results at the same time."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import Progress

from pneumonia_cli.client.batch.collect import Collector, Patience, Waiting
from pneumonia_cli.client.batch.journal import Journal
from pneumonia_cli.client.batch.lost import lost
from pneumonia_cli.client.batch.places import Places
from pneumonia_cli.client.batch.upload import Sent, Uploader
from pneumonia_cli.client.files import MAX_IMAGE_BYTES
from pneumonia_cli.client.hospital import Wanted
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.reporting.images import ImageFile

_LOOK_EVERY_SECONDS = 1.0

_CHECK_EVERY_SECONDS = 60.0
"""Interval without progress after which the upload bucket is checked for the uploads that have no result."""

NOT_BEGUN = "Not uploaded yet. Run the same command again to continue."
LOST = (
    "The upload is no longer in the upload bucket. If its file still exists, run the same command to upload it again."
)
DEAD = "The worker failed to process the image, and its message is in the dead-letter queue. See `pneumonia redrive`."


@dataclass(frozen=True)
class BatchOptions:
    """The user's options.

    `unanswered`: the most uploaded images that may wait for a result. A whole batch at once would delay all later
    uploads and set off the alarm on the age of messages. `patience_seconds`: how long to wait without progress.
    `force`: also predict images that do not look like a chest X-ray. `prevalence`: if given, probabilities are also
    calculated for this share of pneumonia. `wanted`: the folders and the server for results in a hospital's formats.
    """

    out: Path
    jobs: int = 16
    unanswered: int = 1000
    patience_seconds: float = 900.0
    max_bytes: int = MAX_IMAGE_BYTES
    force: bool = False
    prevalence: float | None = None
    wanted: Wanted = field(default_factory=Wanted)
    shape: Shape = Shape.TABLE


def upload_and_collect(
    places: Places, journal: Journal, images: Sequence[ImageFile], options: BatchOptions, bars: Progress
) -> str | None:
    """Run until every image has a result. Returns None, or the reason why results are missing. Raises ServiceError."""
    with ThreadPoolExecutor(options.jobs) as pool:
        uploader = Uploader(
            places.s3,
            str(places.upload_bucket),
            journal,
            pool,
            max_bytes=options.max_bytes,
            at_once=options.jobs + 4,
            force=options.force,
        )
        try:
            collector = Collector(places.s3, places.result_bucket, journal.prefix, journal, pool, options.out)
            why = _Run(places, uploader, collector, journal, images, options, bars).to_the_end()
            if why is not None:
                uploader.abandon(NOT_BEGUN)
            return why
        finally:
            # When the run ends for any reason, no further upload starts.
            pool.shutdown(wait=True, cancel_futures=True)
            uploader.settle()


class _Run:
    """One run of a batch. `_waiting`: keys of uploads without a result. `_dead`: keys of failed uploads."""

    def __init__(
        self,
        places: Places,
        uploader: Uploader,
        collector: Collector,
        journal: Journal,
        images: Sequence[ImageFile],
        options: BatchOptions,
        bars: Progress,
    ) -> None:
        self._places = places
        self._uploader = uploader
        self._collector = collector
        self._journal = journal
        self._images = images
        self._unanswered = options.unanswered
        self._bars = bars
        self._uploading = bars.add_task("Uploading", total=len(images))
        self._answering = bars.add_task("Results  ", total=len(images))
        self._patience = Patience(options.patience_seconds, places.sqs, places.queue_url, places.dead_letter_queue_url)
        self._waiting: Waiting = {}
        self._dead: Waiting = {}
        self._sent = self._answered = 0  # counted since the start, or since failed uploads were last found
        self._next_check = _CHECK_EVERY_SECONDS  # seconds without progress before the next check

    def to_the_end(self) -> str | None:
        """Run until every image has a result. Returns None, or the reason why results are missing."""
        self._take_up()
        self._uploader.begin(self._images)
        next_look = time.monotonic()
        moved = True
        while self._uploader.busy or self._waiting:
            left = max(0.0, next_look - time.monotonic())
            done = self._uploader.step(left, room=self._unanswered - len(self._waiting))
            self._note(done)
            moved = moved or bool(done)
            if time.monotonic() < next_look:
                if not done:  # no upload is running, and no more are allowed
                    time.sleep(max(0.0, next_look - time.monotonic()))
                continue
            moved = self._look() or moved
            if moved:
                self._patience.news()
                self._next_check = _CHECK_EVERY_SECONDS
            elif why := self._stalled():
                return why
            moved = False
            next_look = time.monotonic() + _LOOK_EVERY_SECONDS
        if self._dead:
            self._collector.catch_up(self._dead)  # an operator may have moved their messages back to the queue
        self._show()
        return DEAD if self._dead else None

    def _take_up(self) -> None:
        """Continue with the uploads of an earlier run."""
        self._waiting = self._journal.waiting()
        if self._waiting:
            self._collector.catch_up(self._waiting)
        if self._waiting:
            gone = self._lost()
            # If the bucket cannot be listed, all images are sent again. S3 refuses objects that already exist.
            self._give_up(set(self._waiting) if gone is None else gone)

    def _note(self, done: Sequence[Sent]) -> None:
        sent = {one.key: None for one in done if one.key}
        self._waiting |= sent
        self._sent += len(sent)
        self._bars.advance(self._uploading, len(done))

    def _look(self) -> bool:
        answered = self._collector.look(self._waiting)
        self._answered += answered
        self._show()
        return bool(answered)

    def _show(self) -> None:
        counts = self._journal.counts()
        answered = min(counts["predicted"] + counts["rejected"], len(self._images))
        self._bars.update(self._answering, completed=answered)

    def _stalled(self) -> str | None:
        """Handle a check that found no new results. Returns the reason to stop, or None to continue."""
        if self._patience.all_dead(len(self._waiting) + len(self._dead)):
            # If everything that was sent has failed, the worker is broken, and more images would fail too.
            if not self._uploader.busy or (self._sent and not self._answered):
                return DEAD
            # Failed uploads do not count as waiting, so that other images can be uploaded.
            self._dead |= self._waiting
            self._waiting = {}
            self._sent = self._answered = 0
            self._patience.news()
        elif self._waiting and self._patience.silent_seconds > self._next_check:
            self._next_check = self._patience.silent_seconds + _CHECK_EVERY_SECONDS
            again = self._give_up(self._lost() or set())
            self._uploader.again(again)
            self._bars.advance(self._uploading, -len(again))
        return self._patience.over()

    def _lost(self) -> set[str] | None:
        return lost(self._places.s3, str(self._places.upload_bucket), self._journal.prefix, self._waiting)

    def _give_up(self, gone: set[str]) -> list[ImageFile]:
        """Stop waiting for these uploads. Returns the images to send again: those whose files still exist."""
        names = set(self._journal.lose(gone, LOST))
        self._waiting = {key: None for key in self._waiting if key not in gone}
        again = [image for image in self._images if image.safe_name in names]
        if again:
            self._bars.console.print(f"{len(again)} images are no longer in the upload bucket and are sent again.")
        return again
