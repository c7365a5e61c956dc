"""The queue on disk: an image stays in it until its results are delivered, whatever ends the process meanwhile.

Every step is one rename, so that a kill leaves the step before or the step after:

    receiving/…            what pynetdicom writes while an image comes in; removed at the next start
    incoming/ID            a folder that is being filled; removed at the next start
    queue/ID/image.dcm     an image that was acknowledged to its sender
    queue/ID/SC.dcm …      its results; they count from the moment that results.json is there
    queue/ID/*.delivered   one for each destination that has taken its own of them
    failed/ID              given up, with reason.json
    trash/ID               done; removed at once, or at the next start
"""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pneumonia_cli.gateway import durable

_IMAGE: Final = "image.dcm"
_STATE: Final = "state.json"
_RESULTS: Final = "results.json"
_REASON: Final = "reason.json"
_LOCK: Final = "lock"


class StateInUse(Exception):
    """Another gateway works on the folder."""


class Full(Exception):
    """The queue or the disk has no room for one more image; the sender has to try again later."""


@dataclass(frozen=True)
class Job:
    """One image of the queue. `id` is a keyed hash. Times are in seconds since 1970.

    `interrupted` counts how often in a row the process ended while it asked for a prediction.
    """

    id: str
    folder: Path
    received: float
    attempts: int
    due: float
    interrupted: int = 0

    @property
    def image(self) -> Path:
        """The file as it was received."""
        return self.folder / _IMAGE

    @property
    def results(self) -> list[Path] | None:
        """The files to deliver; None as long as there is no answer."""
        known = durable.read_json(self.folder / _RESULTS)
        return [self.folder / name for name in known["files"]] if known else None

    @property
    def summary(self) -> dict[str, Any]:
        """What was noted about the answer."""
        return durable.read_json(self.folder / _RESULTS)


class Store:
    """The folders of one gateway."""

    def __init__(self, root: Path, *, max_queued: int, min_free_bytes: int) -> None:
        self.root = root
        self.receiving, self._incoming, self._queue, self._failed, self._trash = (
            root / name for name in ("receiving", "incoming", "queue", "failed", "trash")
        )
        self._max_queued = max_queued
        self._min_free_bytes = min_free_bytes
        self._lock_file: int | None = None

    def open(self) -> None:
        """Make the folders, take the lock, and clean up what an earlier process left unfinished. Raises StateInUse."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock_file = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise StateInUse(f"Another gateway works on {self.root}.") from None
        for folder in (self.receiving, self._incoming, self._trash):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (self.receiving, self._incoming, self._queue, self._failed, self._trash):
            folder.mkdir(mode=0o700, exist_ok=True)

    def close(self) -> None:
        """Give the lock back."""
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def is_open_elsewhere(self) -> bool:
        """Whether a process, this one included, holds the lock."""
        with suppress(FileNotFoundError):
            number = os.open(self.root / _LOCK, os.O_RDONLY)
            try:
                fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(number)
        return False

    def admit(self, image: Path, job_id: str) -> bool:
        """Take an image in for good: once this returns, it survives everything but the loss of the disk.

        The file is moved. Returns False if the same instance waits already, which is then left as it is. One that had
        failed begins again. Raises Full.
        """
        self.check_room()
        durable.sync_file(image)
        place = self._incoming / secrets.token_hex(8)
        place.mkdir(mode=0o700)
        image.replace(place / _IMAGE)
        now = time.time()
        durable.write_json(place / _STATE, {"received": now, "attempts": 0, "due": now})
        try:
            place.rename(self._queue / job_id)
        except OSError:  # there is one, and it is not empty
            shutil.rmtree(place, ignore_errors=True)
            return False
        durable.sync_folder(self._queue)
        self._discard(self._failed / job_id)
        return True

    def check_room(self) -> None:
        """Raises Full if no more images may come in."""
        if len(self.queued()) >= self._max_queued:
            raise Full(f"{self._max_queued} images are waiting.")
        if shutil.disk_usage(self.root).free < self._min_free_bytes:
            raise Full("The disk is nearly full.")

    def queued(self) -> list[str]:
        """The ids of all images that wait."""
        return _names(self._queue)

    def failed(self) -> list[str]:
        """The ids of all images that were given up."""
        return _names(self._failed)

    def job(self, job_id: str) -> Job | None:
        """One image of the queue; None if it is not there any more."""
        folder = self._queue / job_id
        state = durable.read_json(folder / _STATE)
        if not state:
            return None
        received, due = float(state["received"]), float(state["due"])
        return Job(job_id, folder, received, int(state["attempts"]), due, int(state.get("interrupted", 0)))

    def jobs(self) -> Iterator[Job]:
        """All images that wait."""
        for job_id in self.queued():
            job = self.job(job_id)
            if job is not None:
                yield job

    def answered(self, job: Job, results: dict[str, bytes], summary: dict[str, Any]) -> list[Path]:
        """Note the results of an image by the names of their files. They count once all of them are on the disk."""
        files = list(results)
        for name, content in zip(files, results.values(), strict=True):
            durable.write(job.folder / name, content)
        # Attempts are counted again: those to deliver have nothing to do with those to predict.
        self._note(job, attempts=0, due=time.time())
        durable.write_json(job.folder / _RESULTS, {**summary, "files": files})
        return [job.folder / name for name in files]

    def begin(self, job: Job, due: float) -> None:
        """Note that a prediction is asked for; `due` is when to ask again if the process ends before it says more."""
        self._note(job, attempts=job.attempts, due=due, interrupted=job.interrupted + 1)

    def postpone(self, job: Job, due: float, reason: str) -> Job:
        """Note an attempt without success, and when the next one is due."""
        self._note(job, attempts=job.attempts + 1, due=due, reason=reason)
        return Job(job.id, job.folder, job.received, job.attempts + 1, due)

    def done(self, job: Job) -> None:
        """Forget an image whose results are delivered."""
        self._discard(job.folder)

    def give_up(self, job: Job, stage: str, reason: str) -> None:
        """Move an image, with all that is known of it, to those that failed."""
        durable.write_json(
            job.folder / _REASON, {"stage": stage, "reason": reason, "attempts": job.attempts, "failed": time.time()}
        )
        self._discard(self._failed / job.id)
        job.folder.rename(self._failed / job.id)
        durable.sync_folder(self._failed)

    def reason(self, job_id: str) -> dict[str, Any]:
        """Why an image failed: stage, reason, attempts, failed (seconds since 1970)."""
        return durable.read_json(self._failed / job_id / _REASON)

    def retry(self, job_id: str) -> bool:
        """Put one that failed back into the queue, to be tried from now on. False if there is none."""
        folder = self._failed / job_id
        if not (folder / _IMAGE).exists():
            return False
        (folder / _REASON).unlink(missing_ok=True)
        now = time.time()
        durable.write_json(folder / _STATE, {"received": now, "attempts": 0, "due": now})
        try:
            folder.rename(self._queue / job_id)
        except OSError:  # it came in again meanwhile
            self._discard(folder)
        return True

    def _note(self, job: Job, **state: Any) -> None:
        durable.write_json(job.folder / _STATE, {"received": job.received, **state})

    def _discard(self, folder: Path) -> None:
        """First out of sight, by one rename; then piece by piece."""
        gone = self._trash / f"{folder.name}.{secrets.token_hex(4)}"
        with suppress(FileNotFoundError):
            folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
