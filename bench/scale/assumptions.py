"""What AWS documents of scaling, and what the simulation assumes beyond it. docs/scale.md prints this list."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Fact:
    """A number of the simulation: its value, its unit, and where it is from."""

    value: float
    text: str
    source: str


_SQS: Final = "Lambda Developer Guide, Configuring scaling behavior for SQS event source mappings"
_SCALING: Final = "Lambda Developer Guide, Lambda scaling behavior"
_MAP: Final = "Step Functions Developer Guide, Distributed Map"
_PRICES: Final = "price pages of AWS, US East (N. Virginia), as in pneumonia_cli/stack/prices.py"
_ASSUMED: Final = "assumed"

FIRST_BATCHES: Final = Fact(5, "batches that a queue's event source mapping starts with", _SQS)
MORE_BATCHES_A_MINUTE: Final = Fact(300, "batches at once that it adds a minute while messages wait, at most", _SQS)
MOST_BATCHES: Final = Fact(1000, "batches at once, at most (the setting worker_max_concurrency goes up to it)", _SQS)
INSTANCES_A_SECOND: Final = Fact(
    100, "new instances of one function a second: 1,000 every 10 s, refilled all the time", _SCALING
)
MOST_SAVED_INSTANCES: Final = Fact(1000, "new instances that it can start at once", _SCALING)
MOST_CHILDREN: Final = Fact(10_000, "child executions of a Distributed Map at once, at most", _MAP)
CHILDREN_A_SECOND: Final = Fact(
    100, "children that a Distributed Map starts a second; the page has no number, and our batches need less", _ASSUMED
)
LISTED_A_SECOND: Final = Fact(5000, "keys that it lists a second: five pages of 1,000", _ASSUMED)
PLATFORM_START_MS: Final = Fact(
    500, "ms of a cold start before Python runs (the image is fetched, the sandbox is made); not billed", _ASSUMED
)
S3_MS: Final = Fact(
    100,
    "ms of a call of S3: the lower end of 100-200 ms for small objects; an image makes four calls",
    "Amazon S3 User Guide, Performance design patterns",
)
QUEUE_MS: Final = Fact(50, "ms from one batch of a poller to its next", _ASSUMED)
USD_STATE_TRANSITION: Final = Fact(0.000025, "USD for a state transition of a standard workflow", _PRICES)
TRANSITIONS_A_BATCH: Final = Fact(2, "state transitions of a batch of the backfill", "docs/backfill.md")

ALL: Final = (
    FIRST_BATCHES, MORE_BATCHES_A_MINUTE, MOST_BATCHES, INSTANCES_A_SECOND, MOST_SAVED_INSTANCES, MOST_CHILDREN,
    CHILDREN_A_SECOND, LISTED_A_SECOND, PLATFORM_START_MS, S3_MS, QUEUE_MS, USD_STATE_TRANSITION, TRANSITIONS_A_BATCH,
)  # fmt: skip

IN_WORDS: Final = (
    "Nothing fails and nothing is throttled: with `worker_max_concurrency` at or below the account's concurrency, a "
    "mapping never invokes more than there is room for. Without it, throttled messages come back after the visibility "
    "timeout and count as received.",
    "All images are alike, and computing takes the same time on every instance. S3 and SQS have no limit of their own "
    "here (S3 gives 3,500 writes a second to a prefix).",
    "Messages are there at once when an upload ends; batches are full while enough messages wait.",
    "An instance stays warm for the length of a run, and takes the next batch at once.",
    "Cold starts are drawn from those measured, with one seed. Their INIT phase is billed, as for any image.",
    "Provisioned mode of event source mappings (three times as fast) is left out: it excludes maximum concurrency.",
)
