"""What a person reads of an answer: its triage, or what stands in the way of it, a number with its meaning, and what
was measured. Terminal, report and pictures take their words from here; the page has the same (`page/triage.js`).
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
"""What replaces the triage and its colour: no figure of the model card holds for such an answer."""
GROUPS: Final = WORDS | CAVEATS
"""In which answers are counted: by their triage, those with a caveat apart."""

MEANINGS: Final = {
    "outside": "Unlike the films that the model was trained on. No figure here was measured on such films.",
    "forced": "Answered by request whatever the image shows. No figure here was measured on such films.",
}

_MOST_IN_WORDS = 1000


def caveat_of(result: Mapping[str, Any]) -> str | None:
    """A key of CAVEATS; None for a film like those of the training, answered as usual."""
    if result.get("forced"):
        return "forced"
    return "outside" if result.get("in_training_population") is False else None


def group_of(result: Mapping[str, Any]) -> str:
    """A key of GROUPS: the caveat of a prediction, or its triage."""
    return caveat_of(result) or str(result["triage"])


def percent(share: float) -> str:
    """One decimal; never "0.0%" or "100.0%", which would claim a certainty that no model has."""
    return f"{min(max(share, 0.001), 0.999):.1%}"


def share_words(prevalence: float) -> str:
    """ "1 in 10" for 0.1; the percentage for what is no such share."""
    for some, all_ in ((1, round(1 / prevalence)), (2, round(2 / prevalence)), (3, round(3 / prevalence))):
        if all_ <= _MOST_IN_WORDS and abs(some / all_ - prevalence) < 1e-6:
            return f"{some} in {all_}"
    return f"{100 * prevalence:.3g}%"


def number_of(result: Mapping[str, Any]) -> tuple[float, float]:
    """The probability of pneumonia that is shown, and the prevalence that it holds for: the one asked for, if any."""
    if elsewhere := result.get("at_prevalence"):
        return float(elsewhere["probability"]), float(elsewhere["prevalence"])
    return float(result["pneumonia"]), float(result.get("calibrated_prevalence", EVEN))


def measured_words(card: Card, triage: str) -> str:
    """What was found on the test films of the very triage that is shown, with the counts; empty if the card has none.

    Sensitivity and specificity are those of calling a film so: of "likely pneumonia" at the rule-in point, of "likely
    normal" at the rule-out point.
    """
    counts = card.document.get("metrics", {}).get("test", {}).get("triage") or {}
    if triage not in counts:
        return ""
    ill, well = (sum(count[kind] for count in counts.values()) for kind in ("pneumonia", "normal"))
    here = counts[triage]
    of_ill = f"{here['pneumonia']} of {ill} test films with pneumonia"
    of_well = f"{here['normal']} of {well} normal ones"
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
    """What the scale of the heatmap means, and where the heat of test films with pneumonia lies, as far as the card
    says it."""
    heatmap = card.document.get("heatmap", {})
    words = ["One scale for all films of this model: equal colours are equal evidence. A film without any stays dark."]
    if "quantile" in heatmap:
        share = share_words(round(1 - heatmap["quantile"], 6))
        words.append(
            f"Full colour is as much evidence as the hottest place has in {share} training films with pneumonia."
        )
    lungs = card.document.get("metrics", {}).get("heatmap", {}).get("lungs")
    if lungs:
        words.append(
            f"Of the heat of {lungs['films']} test films with pneumonia {lungs['heat_in_lungs']:.0%} lies in the "
            f"lungs, which are {lungs['lung_area']:.0%} of the picture."
        )
    return words
