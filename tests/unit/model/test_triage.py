import math
from dataclasses import replace

import pytest

from pneumonia.model.card import Calibration, Card
from pneumonia.model.triage import assess, sigmoid


def logit(p: float) -> float:
    return math.log(p / (1 - p))


@pytest.mark.parametrize(
    ("p", "label", "triage"),
    [  # rule_out 0.1, balanced 0.4, rule_in 0.9
        (0.05, "normal", "likely_normal"),
        (0.1, "normal", "indeterminate"),
        (0.39, "normal", "indeterminate"),
        (0.4, "pneumonia", "indeterminate"),
        (0.89, "pneumonia", "indeterminate"),
        (0.9, "pneumonia", "likely_pneumonia"),
        (0.99, "pneumonia", "likely_pneumonia"),
    ],
)
def test_a_probability_at_a_threshold_belongs_to_the_upper_side(card: Card, p: float, label: str, triage: str) -> None:
    assessment = assess(logit(p), card)
    assert (assessment.label, assessment.triage) == (label, triage)
    assert assessment.probability == pytest.approx(p, abs=1e-6)
    assert assessment.threshold == 0.4


def test_calibration_is_applied(card: Card) -> None:
    calibrated = replace(card, calibration=Calibration("platt", 2.0, -1.0))
    assert assess(1.5, calibrated).probability == pytest.approx(sigmoid(2.0), abs=1e-6)


def test_sigmoid_at_the_ends() -> None:
    assert sigmoid(0) == 0.5
    assert sigmoid(10_000) == 1.0
    assert sigmoid(-10_000) == 0.0
    assert sigmoid(-2) == pytest.approx(1 - sigmoid(2))
