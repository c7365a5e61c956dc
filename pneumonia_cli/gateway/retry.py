"""When to try again."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Doubles from `first` to `longest` seconds, less up to a quarter by chance, so that not all come back at once."""

    first: float
    longest: float

    def seconds(self, attempts: int) -> float:
        """How long to wait after so many attempts without success, at least one."""
        full = min(self.longest, self.first * 2.0 ** min(attempts - 1, 40))
        return float(full) * random.uniform(0.75, 1.0)  # noqa: S311 - no secret  # nosec B311
