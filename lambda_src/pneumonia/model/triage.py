"""Convert a logit to a probability, a label and a triage with the numbers in the card."""

import math
from typing import Literal, NamedTuple

from pneumonia.model.card import Card

Label = Literal["normal", "pneumonia"]
Triage = Literal["likely_normal", "indeterminate", "likely_pneumonia"]


class Assessment(NamedTuple):
    """`probability`: calibrated probability of pneumonia, 0..1. `threshold`: the threshold for `label`."""

    probability: float
    label: Label
    triage: Triage
    threshold: float


def assess(logit: float, card: Card) -> Assessment:
    """Calibrate a logit and compare it with the card's operating points.

    The label is pneumonia if the probability is at least the balanced threshold. The triage is likely_normal below
    rule_out, likely_pneumonia at rule_in or above, and indeterminate in between. The probability is rounded before it
    is compared, so the returned probability always agrees with the label.
    """
    points = card.operating_points
    probability = round(sigmoid(card.calibration.slope * logit + card.calibration.intercept), 6)
    triage: Triage = "indeterminate"
    if probability < points.rule_out:
        triage = "likely_normal"
    elif probability >= points.rule_in:
        triage = "likely_pneumonia"
    label: Label = "pneumonia" if probability >= points.balanced else "normal"
    return Assessment(probability, label, triage, points.balanced)


def sigmoid(x: float) -> float:
    """Return 1 / (1 + exp(-x)), without overflow for any finite x."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)
