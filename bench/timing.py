"""Interleaved timing: candidates take turns, so that what else the machine does meets all of them alike."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

WARM_UP = 5


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
    """Milliseconds of every run of every candidate; round i of one stands beside round i of the others.

    Each takes an untimed run before its timed one, so that it finds the processor's caches as it leaves them
    itself, not as another candidate's weights do. Every round begins with another candidate.
    """
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for turn in range(-WARM_UP, runs):
        first = turn % len(names)
        for name in (*names[first:], *names[:first]):
            candidates[name]()
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
