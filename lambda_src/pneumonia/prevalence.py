"""What a probability becomes where pneumonia is rarer, or more frequent, than it is calibrated for."""

import math
from collections.abc import Mapping
from typing import Any, Final

from pneumonia.errors import MalformedRequest

LOWEST: Final = 0.001
HIGHEST: Final = 0.999
"""Bounds of a prevalence that a caller may name, both allowed."""

EVEN: Final = 0.5
"""What all models so far are calibrated for, those of stored results that do not say it among them."""

OPTION: Final = "prevalence"


def probability_at(probability: float, calibrated: float, prevalence: float) -> float:
    """The probability of pneumonia for a film from a group with another share of pneumonia.

    The film's likelihood ratio stays the same, so its odds change by the ratio of the prior odds (Bayes):
    odds(new) = odds(old) * odds(prevalence) / odds(calibrated). This holds where the ill and the healthy look as they
    do in the calibration films, and only their shares differ.

    Args:
        probability: calibrated probability of pneumonia, 0..1. 0 and 1 stay as they are.
        calibrated: the share of pneumonia, between 0 and 1, that it is calibrated for (`calibration.prevalence` of the
            card, `calibrated_prevalence` of an answer).
        prevalence: the share of pneumonia, between 0 and 1, among the films of the reader.

    Returns:
        A probability, 0..1, rounded to six decimals like that of an answer.
    """
    ill = probability * prevalence / calibrated
    healthy = (1 - probability) * (1 - prevalence) / (1 - calibrated)
    return round(ill / (ill + healthy), 6)


def with_prevalence(body: Mapping[str, Any], prevalence: float | None) -> dict[str, Any]:
    """An answer with `at_prevalence` at its end; as it is without a prevalence, or where it holds no probability.

    Nothing else in it changes: thresholds, label and triage belong to the probability as it is calibrated.
    """
    if prevalence is None or "pneumonia" not in body:
        return dict(body)
    calibrated = body.get("calibrated_prevalence", EVEN)
    probability = probability_at(body["pneumonia"], calibrated, prevalence)
    return {**body, "at_prevalence": {"prevalence": prevalence, "probability": probability}}


def read_prevalence(value: Any) -> float | None:
    """Read the option: a number, or the text of one; None where it is absent. Raises MalformedRequest."""
    if value is None:
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not LOWEST <= number <= HIGHEST:
        raise MalformedRequest(
            f"{OPTION} must be a number from {LOWEST} to {HIGHEST}, such as 0.1 where 1 of 10 films shows pneumonia."
        )
    return number
