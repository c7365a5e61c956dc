"""The conclusion of a result in sentences, for reports that are read without an image."""

from collections.abc import Mapping
from typing import Any, Final

from pneumonia_cli.reporting.verdict import WORDS, caveat_of, number_of, percent, share_words

LIMITS: Final = (
    "RESEARCH USE ONLY.",
    "NOT A DIAGNOSIS.",
    "Software wrote this text. No doctor has checked it.",
    "A radiologist must read every X-ray.",
)
"""The first sentences of every report. The notice of the result follows."""
NO_TRIAGE: Final = {
    "outside": "No triage: this X-ray is unlike those that the model was trained on, and no figure of the model was "
    "measured on such X-rays.",
    "forced": "No triage: the prediction was forced, regardless of what the image shows, and no figure of the model "
    "was measured on such images.",
}
"""The sentence that replaces the triage, by caveat."""
_UNUSABLE: Final = "The model's own answer must not be used"
SCOPE: Final = (
    "The model looks only for pneumonia: it says nothing about any other finding, and it can be wrong either way.",
)


def triage_words(result: Mapping[str, Any]) -> str:
    """Return the triage in words that need no context. `result`: a prediction, with or without a caveat."""
    triage = str(result["triage"])
    words = WORDS.get(triage, triage.replace("_", " "))
    if triage == "likely_normal":
        return f"{words} (for pneumonia only)"
    return f"{words} (the model does not decide)" if triage == "indeterminate" else words


def number_words(result: Mapping[str, Any]) -> str:
    """Return the probability and the share of pneumonia for which it is valid.

    Example: "80.0%, if 1 in 2 such X-rays shows pneumonia".
    """
    number, prevalence = number_of(result)
    return f"{percent(number)}, if {share_words(prevalence)} such X-rays shows pneumonia"


def limits(result: Mapping[str, Any]) -> list[str]:
    """Return LIMITS and the notice of a result. The notice names the population of the training images."""
    notice = str(result.get("notice") or "").strip()
    return [*LIMITS, *([notice] if notice else [])]


def spoken(result: Mapping[str, Any]) -> tuple[str, str]:
    """Return sentences about the triage and about the probability of a prediction.

    With a caveat, both sentences start with the caveat and say that the model's own answer must not be used.
    """
    caveat = caveat_of(result)
    if caveat is not None:
        unusable = f"{NO_TRIAGE[caveat]} {_UNUSABLE}"
        return f"{unusable}: {triage_words(result)}.", f"{unusable}: {number_words(result)}."
    rarer = "" if "at_prevalence" in result else " Where fewer of them show it, the probability is lower."
    return f"Triage for pneumonia: {triage_words(result)}.", f"Probability of pneumonia: {number_words(result)}.{rarer}"


def percentage_of(share: float) -> float:
    """Return a share as the number that `percent` shows: one decimal, from 0.1 to 99.9."""
    return float(percent(share).rstrip("%"))


def conclusion(result: Mapping[str, Any], model: Mapping[str, str]) -> list[str]:
    """Return sentences about one prediction, the limits first.

    `result`: the fields of a prediction. `model`: name, version and sha256 of the model that made it.
    """
    caveat = caveat_of(result)
    answer = spoken(result)
    if caveat is not None:
        answer = NO_TRIAGE[caveat], f"{_UNUSABLE}: {triage_words(result)}; {number_words(result)}."
    warnings = (result.get("image") or {}).get("warnings") or []
    return [
        *limits(result),
        *answer,
        *(f"Warning about the image: {str(code).replace('_', ' ')}." for code in warnings),
        *SCOPE,
        f"Model: {model['name']} {model['version']}.",
    ]
