"""The queue on disk. An image stays in the queue until its results are delivered, even if the process is killed.

Every step is one rename, so a killed process leaves the state from before or after the step. The paths are:

    receiving/…            files that pynetdicom writes while images arrive; removed at the next start
    incoming/ID            a folder that is being filled; removed at the next start
    queue/ID/image.dcm     an image that was acknowledged to its sender
    queue/ID/SC.dcm …      its results, valid once results.json exists
    queue/ID/*.delivered   a marker for each destination that has accepted its results
    failed/ID              an image that failed permanently, with reason.json
    trash/ID               an image that is done; removed at once, or at the next start
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
    """Another gateway uses the folder."""


class Full(Exception):
    """The queue or the disk has no room for another image. The sender must try again later."""


@dataclass(frozen=True)
class Job:
    """One image of the queue. `id` is a keyed hash. Times are in seconds since 1970.

    `interrupted` counts how many times in a row the process ended during a prediction of this image.
    """

    id: str
    folder: Path
    received: float
    attempts: int
    due: float
    interrupted: int = 0

    @property
    def image(self) -> Path:
        """The received file."""
        return self.folder / _IMAGE

    @property
    def results(self) -> list[Path] | None:
        """The files to deliver, or None while there is no answer."""
        known = durable.read_json(self.folder / _RESULTS)
        return [self.folder / name for name in known["files"]] if known else None

    @property
    def summary(self) -> dict[str, Any]:
        """The saved summary of the answer."""
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
        """Make the folders, take the lock, and remove unfinished files of earlier processes. Raises StateInUse."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock_file = os.open(self.root / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise StateInUse(f"Another gateway uses {self.root}. Stop it, or set another folder as state.") from None
        for folder in (self.receiving, self._incoming, self._trash):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (self.receiving, self._incoming, self._queue, self._failed, self._trash):
            folder.mkdir(mode=0o700, exist_ok=True)

    def close(self) -> None:
        """Release the lock."""
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def is_open_elsewhere(self) -> bool:
        """Return whether a process, this one included, holds the lock."""
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
        """Add an image to the queue. Once this returns, the image survives everything except the loss of the disk.

        Moves the file. Returns False, and changes nothing, if the same instance is already waiting. An instance that
        had failed starts again. Raises Full.
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
        except OSError:  # the folder exists and is not empty
            shutil.rmtree(place, ignore_errors=True)
            return False
        durable.sync_folder(self._queue)
        self._discard(self._failed / job_id)
        return True

    def check_room(self) -> None:
        """Raise Full if there is no room for another image."""
        if len(self.queued()) >= self._max_queued:
            raise Full(f"The queue is full: {self._max_queued} images are waiting.")
        if shutil.disk_usage(self.root).free < self._min_free_bytes:
            raise Full("The disk is almost full.")

    def queued(self) -> list[str]:
        """Return the ids of all waiting images."""
        return _names(self._queue)

    def failed(self) -> list[str]:
        """Return the ids of all failed images."""
        return _names(self._failed)

    def job(self, job_id: str) -> Job | None:
        """Return one image of the queue, or None if it is no longer there."""
        folder = self._queue / job_id
        state = durable.read_json(folder / _STATE)
        if not state:
            return None
        received, due = float(state["received"]), float(state["due"])
        return Job(job_id, folder, received, int(state["attempts"]), due, int(state.get("interrupted", 0)))

    def jobs(self) -> Iterator[Job]:
        """Yield all waiting images."""
        for job_id in self.queued():
            job = self.job(job_id)
            if job is not None:
                yield job

    def answered(self, job: Job, results: dict[str, bytes], summary: dict[str, Any]) -> list[Path]:
        """Save the results of an image by file name. They become valid once all of them are on disk."""
        files = list(results)
        for name, content in zip(files, results.values(), strict=True):
            durable.write(job.folder / name, content)
        # The count of attempts starts again, since delivering is independent of predicting.
        self._note(job, attempts=0, due=time.time())
        durable.write_json(job.folder / _RESULTS, {**summary, "files": files})
        return [job.folder / name for name in files]

    def begin(self, job: Job, due: float) -> None:
        """Save that a prediction has begun. `due`: time of the next attempt if the process ends before the result."""
        self._note(job, attempts=job.attempts, due=due, interrupted=job.interrupted + 1)

    def postpone(self, job: Job, due: float, reason: str) -> Job:
        """Save a failed attempt with its reason, and the time of the next attempt."""
        self._note(job, attempts=job.attempts + 1, due=due, reason=reason)
        return Job(job.id, job.folder, job.received, job.attempts + 1, due)

    def done(self, job: Job) -> None:
        """Remove an image whose results are delivered."""
        self._discard(job.folder)

    def give_up(self, job: Job, stage: str, reason: str) -> None:
        """Move an image and its files to the folder `failed`."""
        durable.write_json(
            job.folder / _REASON, {"stage": stage, "reason": reason, "attempts": job.attempts, "failed": time.time()}
        )
        self._discard(self._failed / job.id)
        job.folder.rename(self._failed / job.id)
        durable.sync_folder(self._failed)

    def reason(self, job_id: str) -> dict[str, Any]:
        """Return why an image failed: stage, reason, attempts, failed (seconds since 1970)."""
        return durable.read_json(self._failed / job_id / _REASON)

    def retry(self, job_id: str) -> bool:
        """Put a failed image back into the queue, due now. Returns False if there is none with this id."""
        folder = self._failed / job_id
        if not (folder / _IMAGE).exists():
            return False
        (folder / _REASON).unlink(missing_ok=True)
        now = time.time()
        durable.write_json(folder / _STATE, {"received": now, "attempts": 0, "due": now})
        try:
            folder.rename(self._queue / job_id)
        except OSError:  # the same image has arrived again
            self._discard(folder)
        return True

    def _note(self, job: Job, **state: Any) -> None:
        durable.write_json(job.folder / _STATE, {"received": job.received, **state})

    def _discard(self, folder: Path) -> None:
        """Remove a folder: hide it first by one rename, then delete its files."""
        gone = self._trash / f"{folder.name}.{secrets.token_hex(4)}"
        with suppress(FileNotFoundError):
            folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
