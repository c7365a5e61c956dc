"""Simulate batches on instances of a function: when each batch ends, how long it waited, and the time AWS bills."""

import heapq
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bench.scale import assumptions


@dataclass(frozen=True)
class Batch:
    """The images of one invocation. `ready`: the second at which its first image starts to wait."""

    images: int
    ready: float


@dataclass
class Outcome:
    """Outcome of a run, in seconds from its start. `ages`: (second at which a batch began, its age at that time)."""

    images: int = 0
    finished: float = 0.0
    billed_seconds: float = 0.0
    invocations: int = 0
    instances: int = 0
    ages: list[tuple[float, float]] = field(default_factory=list)
    ends: list[tuple[float, int]] = field(default_factory=list)
    running: list[tuple[float, int]] = field(default_factory=list)

    @property
    def oldest(self) -> float:
        """The longest time in seconds that an image waited until its batch began."""
        return max((age for _, age in self.ages), default=0.0)

    @property
    def most_at_once(self) -> int:
        """The largest number of invocations at once."""
        return max((count for _, count in self.running), default=0)

    @property
    def images_a_second(self) -> float:
        return self.images / self.finished if self.finished else 0.0


Allowed = Callable[[float], int]
"""Takes the seconds since the start of the run. Returns how many invocations may run at once at that time."""


def queue_allows(max_concurrency: int) -> Allowed:
    """Return the limit of an SQS event source mapping: five at first, 300 more a minute, at most `max_concurrency`."""
    first, more = assumptions.FIRST_BATCHES.value, assumptions.MORE_BATCHES_A_MINUTE.value
    most = min(max_concurrency, assumptions.MOST_BATCHES.value)
    return lambda second: int(min(most, first + more * second / 60))


def map_allows(max_concurrency: int) -> Allowed:
    """Return the limit of a Distributed Map: the number of children started so far, at most `max_concurrency`."""
    most = min(max_concurrency, assumptions.MOST_CHILDREN.value)
    return lambda second: int(min(most, max(1, assumptions.CHILDREN_A_SECOND.value * second)))


def run(
    batches: Iterable[Batch],
    allowed: Allowed,
    duration: Callable[[int], float],
    colds: Sequence[float],
    seed: int = 1,
) -> Outcome:
    """Run the batches in their order.

    `duration`: returns the seconds of a warm invocation for a number of images. `colds`: measured seconds from the
    start of Python to the first response. One of these times is added to the first batch of a new instance. New
    instances start at the rate that AWS documents for Lambda.
    """
    chance = random.Random(seed)  # noqa: S311  # nosec B311
    outcome = Outcome()
    busy: list[float] = []  # heap of the times at which running invocations end
    saved, saved_at = assumptions.MOST_SAVED_INSTANCES.value, 0.0
    now = 0.0
    pause = assumptions.QUEUE_MS.value / 1000
    for batch in batches:
        now = max(now, batch.ready)
        while busy and busy[0] <= now:
            heapq.heappop(busy)
        now = _room(now, busy, allowed)
        idle = outcome.instances - len(busy)
        took = duration(batch.images)
        start = now
        if idle <= 0:
            saved = min(
                assumptions.MOST_SAVED_INSTANCES.value, saved + (now - saved_at) * assumptions.INSTANCES_A_SECOND.value
            )
            saved_at = now
            if saved < 1:
                now = saved_at = now + (1 - saved) / assumptions.INSTANCES_A_SECOND.value
                saved = 1
            saved -= 1
            outcome.instances += 1
            cold = chance.choice(colds)
            took += cold
            start = now + assumptions.PLATFORM_START_MS.value / 1000
        end = start + took
        heapq.heappush(busy, end + pause)
        outcome.images += batch.images
        outcome.invocations += 1
        outcome.billed_seconds += took
        outcome.finished = max(outcome.finished, end)
        outcome.ages.append((now, now - batch.ready))
        outcome.ends.append((end, batch.images))
        outcome.running.append((now, len(busy)))
    return outcome


def _room(now: float, busy: list[float], allowed: Allowed) -> float:
    """Return the first time from `now` on at which another invocation may begin. Remove ended ones from `busy`."""
    while len(busy) >= allowed(now):
        # Wait until an invocation ends or the limit rises. While it can still rise, check it every 0.1 s.
        now = min(busy[0], now + 0.1) if allowed(now) < allowed(now + 3600) else busy[0]
        while busy and busy[0] <= now:
            heapq.heappop(busy)
    return now


def burst(images: int, batch: int) -> Iterable[Batch]:
    """Yield batches of images that all arrive at once."""
    whole, rest = divmod(images, batch)
    yield from (Batch(batch, 0.0) for _ in range(whole))
    if rest:
        yield Batch(rest, 0.0)


def listed(images: int, batch: int) -> Iterable[Batch]:
    """Yield batches as fast as a Distributed Map lists images. The time before listing does not count as waiting."""
    whole, rest = divmod(images, batch)
    for number in range(whole):
        yield Batch(batch, (number + 1) * batch / assumptions.LISTED_A_SECOND.value)
    if rest:
        yield Batch(rest, images / assumptions.LISTED_A_SECOND.value)


def steady(images_a_second: float, seconds: float, batch: int, allowed: int) -> Iterable[Batch]:
    """Yield batches of images that arrive at a constant rate.

    A poller takes the messages that are available, without waiting for more. At a rate of up to `allowed` images a
    second, each image is therefore a batch of one. Above that rate, batches grow.
    """
    size = max(1, min(batch, int(images_a_second / allowed)))
    count = int(images_a_second * seconds / size)
    for number in range(count):
        yield Batch(size, number * size / images_a_second)
