"""Metrics with bootstrap intervals over patients.

Positive means pneumonia. ``y``: 0/1 labels ``[N]``; ``p``: calibrated probabilities ``[N]`` in [0, 1].
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[np.float64]

DECIMALS = 6
"""Decimals of the figures in the card. Documents round these figures again, to three decimals or fewer."""


def rounded(value: float) -> float:
    """Return a figure as the card stores it."""
    return round(float(value), DECIMALS)


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% interval (percentile bootstrap)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


def auc(y: Array, p: Array) -> float:
    """Return the area under the ROC curve by the rank-sum identity; nan if a class is absent."""
    positives = int(y.sum())
    negatives = len(y) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(p)
    return float((ranks[y == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def confusion(y: Array, p: Array, threshold: float) -> dict[str, int]:
    """Return the counts ``tn``, ``fp``, ``fn``, ``tp`` at ``p >= threshold``."""
    called = p >= threshold
    return {
        "tn": int(np.sum(~called & (y == 0))),
        "fp": int(np.sum(called & (y == 0))),
        "fn": int(np.sum(~called & (y == 1))),
        "tp": int(np.sum(called & (y == 1))),
    }


def sensitivity(y: Array, p: Array, threshold: float) -> float:
    return float(np.mean(p[y == 1] >= threshold))


def specificity(y: Array, p: Array, threshold: float) -> float:
    return float(np.mean(p[y == 0] < threshold))


def accuracy(y: Array, p: Array, threshold: float) -> float:
    return float(np.mean((p >= threshold) == (y == 1)))


def f1(y: Array, p: Array, threshold: float) -> float:
    counts = confusion(y, p, threshold)
    return 2 * counts["tp"] / (2 * counts["tp"] + counts["fp"] + counts["fn"])


def calibration_bins(y: Array, p: Array, bins: int = 15) -> list[tuple[float, float, int]]:
    """Return mean probability, observed share of pneumonia and count of each non-empty bin of equal width."""
    index = np.minimum((p * bins).astype(int), bins - 1)
    return [
        (float(p[index == k].mean()), float(y[index == k].mean()), int((index == k).sum()))
        for k in range(bins)
        if (index == k).any()
    ]


def expected_calibration_error(y: Array, p: Array, bins: int = 15) -> float:
    """Return the mean gap between probability and observed share over bins, weighted by count (Naeini et al. 2015)."""
    return sum(abs(mean - share) * count for mean, share, count in calibration_bins(y, p, bins)) / len(y)


def bootstrap(
    figure: Callable[[Array, Array], float],
    y: Array,
    p: Array,
    groups: Sequence[str],
    rounds: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return ``figure`` with its interval from resampling patients with replacement.

    ``groups`` names the patient of each image.
    """
    members = [np.flatnonzero(np.asarray(groups) == group) for group in dict.fromkeys(groups)]
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(rounds):
        chosen = np.concatenate([members[k] for k in rng.integers(len(members), size=len(members))])
        draws.append(figure(y[chosen], p[chosen]))
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Interval(figure(y, p), float(low), float(high))


def summary(y: Array, p: Array, threshold: float, groups: Sequence[str]) -> dict[str, Interval]:
    """Return every headline metric at ``threshold`` with its interval, by name."""
    figures: dict[str, Callable[[Array, Array], float]] = {
        "auc": auc,
        "sensitivity": lambda a, b: sensitivity(a, b, threshold),
        "specificity": lambda a, b: specificity(a, b, threshold),
        "accuracy": lambda a, b: accuracy(a, b, threshold),
        "f1": lambda a, b: f1(a, b, threshold),
        "expected_calibration_error": expected_calibration_error,
    }
    return {name: bootstrap(figure, y, p, groups) for name, figure in figures.items()}
