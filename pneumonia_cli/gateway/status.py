"""`pneumonia gateway status` and `retry`: what a gateway is about, from its folder."""

import time
from dataclasses import asdict, dataclass

from pneumonia_cli.gateway.store import Store


@dataclass(frozen=True)
class Failure:
    """One image that was given up; `id` is a keyed hash."""

    id: str
    stage: str
    reason: str
    attempts: int


@dataclass(frozen=True)
class Status:
    """`retrying` counts those of the queue whose last attempt had no success.

    `oldest_seconds` is None where none waits. `failures` are the first of those that failed.
    """

    running: bool
    queued: int
    retrying: int
    oldest_seconds: float | None
    failed: int
    failures: list[Failure]

    @property
    def well(self) -> bool:
        """Whether nobody has to do anything."""
        return self.running and self.failed == 0

    def to_json(self) -> dict[str, object]:
        """For --json."""
        return {**asdict(self), "well": self.well}


_SHOWN = 20


def status_of(store: Store) -> Status:
    """Look at the folder of a gateway; nothing is changed."""
    jobs, failed = list(store.jobs()), store.failed()
    ages = [time.time() - job.received for job in jobs]
    failures = []
    for job_id in failed[:_SHOWN]:
        known = store.reason(job_id)
        failures.append(
            Failure(job_id, str(known.get("stage")), str(known.get("reason")), int(known.get("attempts") or 0))
        )
    return Status(
        store.is_open_elsewhere(),
        len(jobs),
        sum(job.attempts > 0 for job in jobs),
        round(max(ages), 1) if ages else None,
        len(failed),
        failures,
    )
