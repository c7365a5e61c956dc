"""Compute medians, quartiles, ratios and modes of times, and time candidates that take turns within one process.

Use `interleaved` only for candidates that leave no spinning threads behind. All others are measured in separate
processes (`turns`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

WARM_UP = 2

_LEAST_SHARE = 0.2  # of all values: a smaller cluster is not a mode
_APART = 2.5  # least gap, in sums of both standard deviations; the halves of a normal distribution are 1.3 apart
_LEAST_STEP = 0.1  # least gap, as a share of the median


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
    """Return the milliseconds of every run of every candidate. Index i is round i for all candidates.

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
    """Return the times of both candidates in ms, and the ratio of `over` to `under`, round by round."""
    ratios = np.array(taken[over]) / np.array(taken[under])
    return {
        "ms": {name: Spread.of(values).to_json() for name, values in taken.items()},
        "ratio": Spread.of(ratios).to_json(),
        "ratio_of": f"{over} / {under}",
    }


def two_modes(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the medians of both clusters if the values form two clear clusters; otherwise None.

    The median of values with two modes is misleading, because times near it rarely occur. Each cluster must have at
    least a fifth of the values. The gap must be wide compared with the spread within the clusters.
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
