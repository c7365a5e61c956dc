"""Waiting times between attempts."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """A wait that doubles from `first` to `longest` seconds, minus up to a quarter at random to spread attempts."""

    first: float
    longest: float

    def seconds(self, attempts: int) -> float:
        """Return the seconds to wait after `attempts` (at least 1) failed attempts."""
        full = min(self.longest, self.first * 2.0 ** min(attempts - 1, 40))
        return float(full) * random.uniform(0.75, 1.0)  # noqa: S311 - no secret  # nosec B311
