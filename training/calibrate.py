"""Probabilities and operating points from validation scores; the test split has no part in any of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Array = NDArray[np.float64]

RULE_OUT_SENSITIVITY = 0.99
RULE_IN_SPECIFICITY = 0.99


@dataclass(frozen=True)
class Calibration:
    """Platt scaling (Platt 1999): p = sigmoid(slope * logit + intercept)."""

    slope: float
    intercept: float

    def probability(self, logits: Array) -> Array:
        return np.asarray(1 / (1 + np.exp(-(self.slope * logits + self.intercept))))


def platt(y: Array, logits: Array) -> Calibration:
    """Unpenalised logistic fit of the labels on the logits, at the prevalence of the validation films."""
    fit = LogisticRegression(C=np.inf).fit(logits[:, None], y)
    return Calibration(float(fit.coef_[0, 0]), float(fit.intercept_[0]))


def threshold_for_sensitivity(y: Array, p: Array, target: float) -> float:
    """The highest threshold whose sensitivity (share of pneumonia with p >= threshold) is at least ``target``."""
    positives = np.sort(p[y == 1])
    return float(positives[int(np.floor((1 - target) * len(positives) + 1e-9))])


def threshold_for_specificity(y: Array, p: Array, target: float) -> float:
    """The lowest threshold whose specificity (share of normal with p < threshold) is at least ``target``."""
    negatives = np.sort(p[y == 0])
    return float(np.nextafter(negatives[int(np.ceil(target * len(negatives) - 1e-9)) - 1], 1.0))


def operating_points(y: Array, p: Array, balanced_sensitivity: float) -> dict[str, dict[str, float]]:
    """``rule_out``, ``balanced`` and ``rule_in`` with the validation figures that they were chosen by.

    The thresholds are put in order where the classes hardly overlap: rule_out <= balanced <= rule_in.
    """
    balanced = threshold_for_sensitivity(y, p, balanced_sensitivity)
    chosen = {
        "rule_out": min(balanced, threshold_for_sensitivity(y, p, RULE_OUT_SENSITIVITY)),
        "balanced": balanced,
        "rule_in": max(balanced, threshold_for_specificity(y, p, RULE_IN_SPECIFICITY)),
    }
    return {
        name: {
            "threshold": round(t, 6),
            "validation_sensitivity": round(float(np.mean(p[y == 1] >= t)), 4),
            "validation_specificity": round(float(np.mean(p[y == 0] < t)), 4),
        }
        for name, t in chosen.items()
    }
