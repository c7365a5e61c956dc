"""The scaling rules that AWS documents, and further assumptions of the simulation. docs/scale.md prints this list."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Fact:
    """A number of the simulation, with its unit and source."""

    value: float
    text: str
    source: str


_SQS: Final = "Lambda Developer Guide, Configuring scaling behavior for SQS event source mappings"
_SCALING: Final = "Lambda Developer Guide, Lambda scaling behavior"
_MAP: Final = "Step Functions Developer Guide, Distributed Map"
_PRICES: Final = "price pages of AWS, US East (N. Virginia), as in pneumonia_cli/stack/prices.py"
_ASSUMED: Final = "assumed"

FIRST_BATCHES: Final = Fact(5, "batches at once that an event source mapping of a queue starts with", _SQS)
MORE_BATCHES_A_MINUTE: Final = Fact(
    300, "batches at once that the mapping adds per minute while messages wait, at most", _SQS
)
MOST_BATCHES: Final = Fact(1000, "batches at once of a mapping, at most (the limit of worker_max_concurrency)", _SQS)
INSTANCES_A_SECOND: Final = Fact(
    100, "new instances of one function per second: 1,000 every 10 s, refilled continuously", _SCALING
)
MOST_SAVED_INSTANCES: Final = Fact(1000, "new instances that a function can start at once", _SCALING)
MOST_CHILDREN: Final = Fact(10_000, "child executions of a Distributed Map at once, at most", _MAP)
CHILDREN_A_SECOND: Final = Fact(
    100, "children that a Distributed Map starts per second; AWS gives no number, and our batches need fewer", _ASSUMED
)
LISTED_A_SECOND: Final = Fact(5000, "keys that a Distributed Map lists per second: five pages of 1,000", _ASSUMED)
PLATFORM_START_MS: Final = Fact(
    500,
    "ms of a cold start before Python runs (Lambda gets the container image and creates the sandbox); not billed",
    _ASSUMED,
)
S3_MS: Final = Fact(
    100,
    "ms of a call to S3: the lower end of 100-200 ms for small objects; an image makes four calls",
    "Amazon S3 User Guide, Performance design patterns",
)
QUEUE_MS: Final = Fact(50, "ms from one batch of a poller to the next", _ASSUMED)
USD_STATE_TRANSITION: Final = Fact(0.000025, "USD for a state transition of a standard workflow", _PRICES)
TRANSITIONS_A_BATCH: Final = Fact(2, "state transitions per batch of the backfill", "docs/backfill.md")

ALL: Final = (
    FIRST_BATCHES, MORE_BATCHES_A_MINUTE, MOST_BATCHES, INSTANCES_A_SECOND, MOST_SAVED_INSTANCES, MOST_CHILDREN,
    CHILDREN_A_SECOND, LISTED_A_SECOND, PLATFORM_START_MS, S3_MS, QUEUE_MS, USD_STATE_TRANSITION, TRANSITIONS_A_BATCH,
)  # fmt: skip

IN_WORDS: Final = (
    "No invocation fails or is throttled. With `worker_max_concurrency` at or below the concurrency of the account, a "
    "mapping never exceeds the concurrency of the account. With a higher value, throttled messages return after the "
    "visibility timeout and count as received.",
    "All images have the same size, and computing takes the same time on every instance. S3 and SQS have no limits "
    "(S3 allows 3,500 writes per second for a prefix).",
    "Messages are available as soon as an upload ends. Batches are full while enough messages wait.",
    "An instance stays warm during a run, and takes the next batch immediately.",
    "Cold starts are drawn from the measured ones, with one seed. Their INIT phase is billed, as for any container "
    "image.",
    "Provisioned mode of event source mappings (three times as fast) is left out: it cannot be combined with a "
    "maximum concurrency.",
)
