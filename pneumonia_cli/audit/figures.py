"""Figures on labelled images, with 95% confidence intervals from resampled patients.

``y``: 0/1 labels ``[N]``, 1 is pneumonia. ``p``: calibrated probabilities ``[N]`` in [0, 1]. ``groups``: the
number of each image's patient, ``int[N]``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Groups = NDArray[np.int64]

ROUNDS: Final = 1000
SEED: Final = 0
BINS: Final = 10
_Z: Final = 1.959964
"""Quantile of the normal distribution for 95% intervals."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% interval; nan if there are no data for it."""

    value: float
    low: float
    high: float

    def to_json(self) -> list[float | None]:
        """Return [value, low, high], with null for nan."""
        return [None if np.isnan(part) else round(part, 4) for part in (self.value, self.low, self.high)]


def auc(y: Labels, p: Array) -> float:
    """Return the area under the ROC curve, or nan if one of the classes is missing.

    This is the share of pairs (one image with pneumonia, one normal image) in the right order. Ties count half.
    """
    ill, well = np.sort(p[y == 1]), np.sort(p[y == 0])
    if not ill.size or not well.size:
        return float("nan")
    below, not_above = (np.searchsorted(well, ill, side) for side in ("left", "right"))
    return float((below + not_above).sum() / (2 * ill.size * well.size))


def sensitivity(y: Labels, p: Array, threshold: float) -> float:
    """Return the share of images with pneumonia that have ``p >= threshold``; nan if there are no such images."""
    return float(np.mean(p[y == 1] >= threshold)) if (y == 1).any() else float("nan")


def specificity(y: Labels, p: Array, threshold: float) -> float:
    """Return the share of normal images that have ``p < threshold``; nan if there are no such images."""
    return float(np.mean(p[y == 0] < threshold)) if (y == 0).any() else float("nan")


def bootstrap(
    figure: Callable[[NDArray[np.int64]], float], groups: Groups, rounds: int = ROUNDS
) -> tuple[float, float]:
    """Return the 2.5th and the 97.5th percentile of a figure when patients are drawn with replacement.

    ``figure`` takes indices of images. Returns (nan, nan) if the figure is nan in every draw.
    """
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    members = np.split(order, starts[1:])
    rng = np.random.default_rng(SEED)
    draws = np.empty(rounds)
    for k in range(rounds):
        draws[k] = figure(np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))]))
    known = draws[~np.isnan(draws)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return the score interval (Wilson 1927) of a share of ``count``. Its width is not zero even for 20 of 20."""
    if not count or np.isnan(share):
        return float("nan"), float("nan")
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z / (1 + _Z**2 / count) * np.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def auc_interval(y: Labels, p: Array, groups: Groups) -> Interval:
    """Return the AUC with its bootstrap interval."""
    return Interval(auc(y, p), *bootstrap(lambda drawn: auc(y[drawn], p[drawn]), groups))


def share_interval(called: NDArray[np.bool_], groups: Groups) -> Interval:
    """Return the share of images for which ``called`` is true, with its interval.

    Two intervals are computed: the bootstrap over patients, and Wilson's interval with the number of patients as the
    count. The wider limit is returned on each side.
    """
    if not called.size:
        return Interval(*[float("nan")] * 3)
    share = float(called.mean())
    low, high = bootstrap(lambda drawn: float(called[drawn].mean()), groups)
    least, most = wilson(share, np.unique(groups).size)
    return Interval(share, min(low, least), max(high, most))


def at_threshold(y: Labels, p: Array, groups: Groups, threshold: float) -> dict[str, Any]:
    """Return sensitivity and specificity at a threshold, as Intervals, and counts of true positives and negatives."""
    ill, well = y == 1, y == 0
    return {
        "threshold": threshold,
        "sensitivity": share_interval(p[ill] >= threshold, groups[ill]),
        "true_positives": int((p[ill] >= threshold).sum()),
        "specificity": share_interval(p[well] < threshold, groups[well]),
        "true_negatives": int((p[well] < threshold).sum()),
    }


def calibration_bins(y: Labels, p: Array, bins: int = BINS) -> list[tuple[float, float, int]]:
    """Return mean probability, observed share of pneumonia and count of each bin with images. Bins have equal width."""
    index = np.minimum((p * bins).astype(int), bins - 1)
    return [
        (float(p[index == k].mean()), float(y[index == k].mean()), int((index == k).sum()))
        for k in range(bins)
        if (index == k).any()
    ]


def calibration_error(y: Labels, p: Array, bins: int = BINS) -> float:
    """Return the expected calibration error: the mean gap between probability and observed share, weighted by count."""
    return sum(abs(mean - share) * count for mean, share, count in calibration_bins(y, p, bins)) / len(y)


def roc(y: Labels, p: Array) -> list[tuple[float, float]]:
    """Return (1 - specificity, sensitivity) at every threshold, from (0, 0) to (1, 1). Needs both classes."""
    thresholds = np.unique(p)[::-1]
    ill, well = np.sort(p[y == 1]), np.sort(p[y == 0])
    found = [1 - np.searchsorted(values, thresholds, "left") / values.size for values in (well, ill)]
    return [(0.0, 0.0), *zip(found[0].tolist(), found[1].tolist(), strict=True)]


def threshold_for_sensitivity(y: Labels, p: Array, target: float) -> float:
    """Return the highest threshold whose sensitivity is at least ``target``. Needs images with pneumonia."""
    ill = np.sort(p[y == 1])
    return float(ill[int(np.floor((1 - target) * ill.size + 1e-9))])
