"""Medians, quartiles, ratios and modes of times, and candidates that take turns within one process.

In one process a candidate may leave threads behind that go on spinning, so `interleaved` is for those alone that leave
none; all others are measured in processes of their own (`turns`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

WARM_UP = 2

_LEAST_SHARE = 0.2  # of the values, for a mode
_APART = 2.5  # times the sum of the standard deviations of both; halves of one normal distribution are 1.3 apart
_LEAST_STEP = 0.1  # of the median


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of one quantity."""

    median: float
    low: float
    high: float
    runs: int

    @classmethod
    def of(cls, values: "list[float] | np.ndarray[Any, Any]") -> "Spread":
        low, median, high = (round(float(value), 4) for value in np.percentile(values, [25, 50, 75]))
        return cls(median, low, high, len(values))

    def to_json(self) -> dict[str, float]:
        return asdict(self)


def interleaved(candidates: Mapping[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Milliseconds of every run of every candidate; round i of one stands next to round i of the others.

    Every round begins with another candidate.
    """
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for turn in range(-WARM_UP, runs):
        first = turn % len(names)
        for name in (*names[first:], *names[:first]):
            start = time.perf_counter()
            candidates[name]()
            if turn >= 0:
                taken[name].append((time.perf_counter() - start) * 1000)
    return taken


def compared(taken: Mapping[str, list[float]], over: str, under: str) -> dict[str, Any]:
    """The times of both candidates in ms, and how many times as long `over` takes as `under`, round by round."""
    ratios = np.array(taken[over]) / np.array(taken[under])
    return {
        "ms": {name: Spread.of(values).to_json() for name, values in taken.items()},
        "ratio": Spread.of(ratios).to_json(),
        "ratio_of": f"{over} / {under}",
    }


def two_modes(values: Sequence[float]) -> tuple[float, float] | None:
    """The medians of two clusters that the values clearly fall into; None if they are one cluster.

    A median between two modes is a time that hardly ever happens. Each cluster has a fifth of the values at least,
    and the gap is wide against the spread within them.
    """
    found = np.sort(np.asarray(values, float))
    least = max(2, int(np.ceil(_LEAST_SHARE * len(found))))
    if len(found) < 2 * least:
        return None

    def within(place: int) -> float:
        low, high = found[:place], found[place:]
        return float(low.var() * len(low) + high.var() * len(high))

    place = min(range(least, len(found) - least + 1), key=within)
    low, high = found[:place], found[place:]
    step = float(high.mean() - low.mean())
    if step < _LEAST_STEP * float(np.median(found)) or step < _APART * float(low.std() + high.std()):
        return None
    return round(float(np.median(low)), 1), round(float(np.median(high)), 1)
