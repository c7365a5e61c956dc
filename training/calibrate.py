"""Calibration and operating points from validation scores. The test split is not used."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from training import metrics

Array = NDArray[np.float64]

RULE_OUT_SENSITIVITY = 0.99
RULE_IN_SPECIFICITY = 0.99
BALANCED_SENSITIVITY = 0.95  # a missed pneumonia costs more than a normal X-ray that is read early

DECIMALS = 6
"""Decimals of probabilities, thresholds and calibration: the card has the same rounded values as the results."""

# Probabilities assume this prevalence. The prevalence at a clinic is not known, and the share of pneumonia in the
# training images (three of four) is not typical of a clinic.
PREVALENCE = 0.5


@dataclass(frozen=True)
class Calibration:
    """Platt scaling (Platt 1999): p = sigmoid(slope * logit + intercept), rounded as in results."""

    slope: float
    intercept: float

    def probability(self, logits: Array) -> Array:
        return np.asarray(np.round(1 / (1 + np.exp(-(self.slope * logits + self.intercept))), DECIMALS))


def platt(y: Array, logits: Array, prevalence: float = PREVALENCE) -> Calibration:
    """Fit the labels on the logits, without penalty. Weights make the share of pneumonia equal to ``prevalence``."""
    share = y.mean()
    weight = np.where(y == 1, prevalence / share, (1 - prevalence) / (1 - share))
    fit = LogisticRegression(C=np.inf).fit(logits[:, None], y, sample_weight=weight)
    return Calibration(round(float(fit.coef_[0, 0]), DECIMALS), round(float(fit.intercept_[0]), DECIMALS))


def threshold_for_sensitivity(y: Array, p: Array, target: float) -> float:
    """Return the highest threshold whose sensitivity is at least ``target`` (pneumonia with p >= threshold)."""
    positives = np.sort(p[y == 1])
    return float(positives[int(np.floor((1 - target) * len(positives) + 1e-9))])


def threshold_for_specificity(y: Array, p: Array, target: float) -> float:
    """Return the lowest threshold whose specificity is at least ``target`` (normal with p < threshold)."""
    negatives = np.sort(p[y == 0])
    return round(float(negatives[int(np.ceil(target * len(negatives) - 1e-9)) - 1]) + 10.0**-DECIMALS, DECIMALS)


@dataclass(frozen=True)
class Validation:
    """Scores of the held-out images, unchanged and under simulated acquisitions (``training/shifted.py``).

    ``y``, ``p``: ``[N]`` labels and probabilities; ``shifted_y``, ``shifted_p``: ``[draws * N]``.
    """

    y: Array
    p: Array
    shifted_y: Array
    shifted_p: Array


def operating_points(images: Validation) -> dict[str, dict[str, float]]:
    """Return the operating points ``rule_out``, ``balanced`` and ``rule_in``, each with the figures that determined it.

    Each point reaches its target on the unchanged images and also on the shifted images.
    """
    balanced = min(threshold_for_sensitivity(y, p, BALANCED_SENSITIVITY) for y, p in _both(images))
    out = [threshold_for_sensitivity(y, p, RULE_OUT_SENSITIVITY) for y, p in _both(images)]
    inside = [threshold_for_specificity(y, p, RULE_IN_SPECIFICITY) for y, p in _both(images)]
    chosen = {"rule_out": min(balanced, *out), "balanced": balanced, "rule_in": max(balanced, *inside)}
    return {
        name: {
            "threshold": t,
            "validation_sensitivity": metrics.rounded(metrics.sensitivity(images.y, images.p, t)),
            "validation_specificity": metrics.rounded(metrics.specificity(images.y, images.p, t)),
            "shifted_sensitivity": metrics.rounded(metrics.sensitivity(images.shifted_y, images.shifted_p, t)),
            "shifted_specificity": metrics.rounded(metrics.specificity(images.shifted_y, images.shifted_p, t)),
        }
        for name, t in chosen.items()
    }


def _both(images: Validation) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    return (images.y, images.p), (images.shifted_y, images.shifted_p)
