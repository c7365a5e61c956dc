"""Process each image when it is due, in a few threads."""

import heapq
import threading
import time
from collections.abc import Callable

from pneumonia_cli.gateway.store import Store
from pneumonia_cli.gateway.worker import Worker

_LOOK_EVERY_SECONDS = 5.0
"""How often the queue on disk is searched for images that another process added (`gateway retry`)."""
_DISK_SECONDS = 60.0


class Schedule:
    """Run a worker on all images of a store, with at most one thread for each image."""

    def __init__(self, store: Store, worker: Worker, threads: int, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._worker = worker
        self._clock = clock
        self._due: list[tuple[float, str]] = []
        self._known: set[str] = set()
        self._change = threading.Condition()
        self._stopping = False
        self._looked = 0.0
        self._threads = [threading.Thread(target=self._run, name=f"worker-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        """Start the threads, beginning with the images in the store."""
        self.look()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the current step of each image in progress, and start no other image."""
        with self._change:
            self._stopping = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join()

    def add(self, job_id: str, due: float) -> None:
        """Schedule an image, unless it is already scheduled."""
        with self._change:
            if job_id not in self._known:
                self._known.add(job_id)
                heapq.heappush(self._due, (due, job_id))
                self._change.notify()

    def look(self) -> None:
        """Schedule the images of the store that are not scheduled yet."""
        self._looked = self._clock()
        for job_id in self._store.queued():
            if job_id not in self._known:
                job = self._store.job(job_id)
                if job is not None:
                    self.add(job.id, job.due)

    def _run(self) -> None:
        while (job_id := self._next()) is not None:
            due = self._work(job_id)
            with self._change:
                if due is None:
                    self._known.discard(job_id)
                else:
                    heapq.heappush(self._due, (due, job_id))
                    self._change.notify()

    def _work(self, job_id: str) -> float | None:
        """Work on one image. Returns the time of the next attempt, or None if there is none."""
        try:
            job = self._store.job(job_id)
            again = self._worker.work(job) if job is not None else None
        except OSError as error:  # the disk failed: no progress was saved, and the image stays in the queue
            self._worker.log("disk_failed", job=job_id, error=error.strerror)
            return self._clock() + _DISK_SECONDS
        return None if again is None else again.due

    def _next(self) -> str | None:
        """Wait for the next image that is due. Returns None when the schedule stops."""
        while True:
            if self._clock() - self._looked >= _LOOK_EVERY_SECONDS:
                self.look()
            with self._change:
                if self._stopping:
                    return None
                now = self._clock()
                if self._due and self._due[0][0] <= now:
                    return heapq.heappop(self._due)[1]
                wait = self._due[0][0] - now if self._due else _LOOK_EVERY_SECONDS
                self._change.wait(min(wait, _LOOK_EVERY_SECONDS))
