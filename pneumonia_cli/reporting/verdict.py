"""The words for a prediction: triage or caveat, probability and its meaning, and the figures on the test images.

The terminal, the report and the pictures use these words. The page has the same words (`page/triage.js`).
"""

from collections.abc import Mapping
from typing import Any, Final

from pneumonia.model.card import Card
from pneumonia.prevalence import EVEN

WORDS: Final = {
    "likely_pneumonia": "likely pneumonia",
    "indeterminate": "indeterminate",
    "likely_normal": "likely normal",
}
CAVEATS: Final = {"outside": "outside trained population", "forced": "forced"}
"""Caveats replace the triage and its colour: no figure of the model card is valid for these predictions."""
GROUPS: Final = WORDS | CAVEATS
"""The groups in which predictions are counted: by caveat if there is one, else by triage."""

MEANINGS: Final = {
    "outside": "Unlike the images that the model was trained on. No figure here was measured on such images.",
    "forced": "Predicted on request, regardless of what the image shows. No figure here was measured on such images.",
}

_MOST_IN_WORDS = 1000


def caveat_of(result: Mapping[str, Any]) -> str | None:
    """Return a key of CAVEATS, or None for an image that was not forced and is like the training images."""
    if result.get("forced"):
        return "forced"
    return "outside" if result.get("in_training_population") is False else None


def group_of(result: Mapping[str, Any]) -> str:
    """Return a key of GROUPS: the caveat of a prediction, else its triage."""
    return caveat_of(result) or str(result["triage"])


def percent(share: float) -> str:
    """Return a percentage with one decimal, but never "0.0%" or "100.0%": no model is certain."""
    return f"{min(max(share, 0.001), 0.999):.1%}"


def share_words(prevalence: float) -> str:
    """Return a share in words, such as "1 in 10" for 0.1, or as a percentage if it has no simple fraction."""
    for some, all_ in ((1, round(1 / prevalence)), (2, round(2 / prevalence)), (3, round(3 / prevalence))):
        if all_ <= _MOST_IN_WORDS and abs(some / all_ - prevalence) < 1e-6:
            return f"{some} in {all_}"
    return f"{100 * prevalence:.3g}%"


def number_of(result: Mapping[str, Any]) -> tuple[float, float]:
    """Return the probability to show and its prevalence: the requested prevalence, else that of the calibration."""
    if elsewhere := result.get("at_prevalence"):
        return float(elsewhere["probability"]), float(elsewhere["prevalence"])
    return float(result["pneumonia"]), float(result.get("calibrated_prevalence", EVEN))


def measured_words(card: Card, triage: str) -> str:
    """Return the figures of a triage on the test images, in words with counts. Empty if the card has no counts.

    For "likely pneumonia", sensitivity and specificity apply to the rule-in point. For "likely normal", they apply to
    the rule-out point.
    """
    counts = card.document.get("metrics", {}).get("test", {}).get("triage") or {}
    if triage not in counts:
        return ""
    ill, well = (sum(count[kind] for count in counts.values()) for kind in ("pneumonia", "normal"))
    here = counts[triage]
    of_ill = f"{here['pneumonia']} of {ill} test images with pneumonia"
    of_well = f"{here['normal']} of {well} normal images"
    if triage == "likely_pneumonia":
        sensitivity, specificity = here["pneumonia"] / max(1, ill), 1 - here["normal"] / max(1, well)
    elif triage == "likely_normal":
        sensitivity, specificity = 1 - here["pneumonia"] / max(1, ill), here["normal"] / max(1, well)
    else:
        return f"Not decided: {of_ill}, {of_well}."
    return (
        f"Called {WORDS[triage]}: {of_ill} (sensitivity {percent(sensitivity)}), {of_well} "
        f"(specificity {percent(specificity)})."
    )


def heat_words(card: Card) -> list[str]:
    """Return sentences about the scale of the heatmap and, if the card has the figures, about where the heat is."""
    heatmap = card.document.get("heatmap", {})
    words = [
        "All heatmaps of this model use one scale: equal colours mean equal evidence. An image without evidence stays "
        "dark."
    ]
    if "quantile" in heatmap:
        share = share_words(round(1 - heatmap["quantile"], 6))
        words.append(f"The hottest point of the heatmap reaches full colour in {share} training images with pneumonia.")
    lungs = card.document.get("metrics", {}).get("heatmap", {}).get("lungs")
    if lungs:
        words.append(
            f"In {lungs['films']} test images with pneumonia, {lungs['heat_in_lungs']:.0%} of the heat is in the "
            f"lungs, which cover {lungs['lung_area']:.0%} of the image."
        )
    return words
