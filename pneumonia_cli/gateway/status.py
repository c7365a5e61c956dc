"""The status of a gateway, read from its folder, for `pneumonia gateway status`."""

import time
from dataclasses import asdict, dataclass

from pneumonia_cli.gateway.store import Store


@dataclass(frozen=True)
class Failure:
    """One image that failed permanently. `id` is a keyed hash."""

    id: str
    stage: str
    reason: str
    attempts: int


@dataclass(frozen=True)
class Status:
    """The state of a gateway.

    `retrying` counts the waiting images whose last attempt failed. `oldest_seconds` is None if no image waits.
    `failures` holds the first failed images.
    """

    running: bool
    queued: int
    retrying: int
    oldest_seconds: float | None
    failed: int
    failures: list[Failure]

    @property
    def well(self) -> bool:
        """Whether no action is needed."""
        return self.running and self.failed == 0

    def to_json(self) -> dict[str, object]:
        """Return the document for --json."""
        return {**asdict(self), "well": self.well}


_SHOWN = 20


def status_of(store: Store) -> Status:
    """Read the status of a gateway from its folder, without changing anything."""
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
