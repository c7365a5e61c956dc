"""Recalculate a probability for a prevalence of pneumonia other than the one that the model is calibrated for."""

import math
from collections.abc import Mapping
from typing import Any, Final

from pneumonia.errors import MalformedRequest

LOWEST: Final = 0.001
HIGHEST: Final = 0.999
"""Bounds of a prevalence that a caller may give, inclusive."""

EVEN: Final = 0.5
"""The prevalence that all models so far are calibrated for. It also applies to stored results that state none."""

OPTION: Final = "prevalence"


def probability_at(probability: float, calibrated: float, prevalence: float) -> float:
    """Return the probability of pneumonia for an image from a group with another share of pneumonia.

    The likelihood ratio of the image stays the same, so its odds change by the ratio of the prior odds (Bayes):
    odds(new) = odds(old) * odds(prevalence) / odds(calibrated). This holds if the images of ill and healthy patients
    look as they do in the calibration set, and only their shares differ.

    Args:
        probability: calibrated probability of pneumonia, 0..1. 0 and 1 stay unchanged.
        calibrated: the share of pneumonia, between 0 and 1, that `probability` is calibrated for
            (`calibration.prevalence` of the card, `calibrated_prevalence` of a prediction).
        prevalence: the share of pneumonia, between 0 and 1, among the caller's images.

    Returns:
        A probability, 0..1, rounded to six decimals as in a prediction.
    """
    ill = probability * prevalence / calibrated
    healthy = (1 - probability) * (1 - prevalence) / (1 - calibrated)
    return round(ill / (ill + healthy), 6)


def with_prevalence(body: Mapping[str, Any], prevalence: float | None) -> dict[str, Any]:
    """Return a response with `at_prevalence` added at the end. Nothing is added if `prevalence` is None, or if the
    response has no probability.

    Thresholds, label and triage do not change, because they belong to the calibrated probability.
    """
    if prevalence is None or "pneumonia" not in body:
        return dict(body)
    calibrated = body.get("calibrated_prevalence", EVEN)
    probability = probability_at(body["pneumonia"], calibrated, prevalence)
    return {**body, "at_prevalence": {"prevalence": prevalence, "probability": probability}}


def read_prevalence(value: Any) -> float | None:
    """Read the option: a number, or a number as text; None if it is absent. Raises MalformedRequest."""
    if value is None:
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not LOWEST <= number <= HIGHEST:
        raise MalformedRequest(
            f"{OPTION} must be a number from {LOWEST} to {HIGHEST}, such as 0.1 if 1 of 10 X-rays shows pneumonia."
        )
    return number
