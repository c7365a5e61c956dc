from dataclasses import replace
from typing import Any

import pytest

from pneumonia.model.card import Card
from pneumonia_cli.reporting.verdict import (
    caveat_of,
    group_of,
    heat_words,
    measured_words,
    number_of,
    percent,
    share_words,
)

TRIAGE = {
    "likely_normal": {"normal": 159, "pneumonia": 1},
    "indeterminate": {"normal": 70, "pneumonia": 45},
    "likely_pneumonia": {"normal": 5, "pneumonia": 344},
}


@pytest.mark.parametrize(
    ("result", "caveat"),
    [
        ({"in_training_population": True, "forced": False}, None),
        ({"in_training_population": None, "forced": False}, None),
        ({}, None),
        ({"in_training_population": False, "forced": False}, "outside"),
        ({"in_training_population": False, "forced": True}, "forced"),
    ],
)
def test_the_caveat_that_replaces_the_triage(result: dict[str, Any], caveat: str | None) -> None:
    assert caveat_of(result) == caveat
    assert group_of({**result, "triage": "indeterminate"}) == (caveat or "indeterminate")


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0.1%"), (0.0004, "0.1%"), (0.5, "50.0%"), (0.9996, "99.9%"), (1.0, "99.9%")]
)
def test_no_probability_is_shown_as_certain(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("prevalence", "words"),
    [(0.1, "1 in 10"), (0.5, "1 in 2"), (1 / 3, "1 in 3"), (0.001, "1 in 1000"), (2 / 3, "2 in 3"), (0.75, "3 in 4"),
     (0.37, "37%"), (0.123, "12.3%"), (0.999, "99.9%"), (0.02, "1 in 50")],
)  # fmt: skip
def test_a_share_in_words(prevalence: float, words: str) -> None:
    assert share_words(prevalence) == words


def test_the_number_that_is_shown() -> None:
    assert number_of({"pneumonia": 0.9}) == (0.9, 0.5)
    assert number_of({"pneumonia": 0.9, "calibrated_prevalence": 0.2}) == (0.9, 0.2)
    assert number_of({"pneumonia": 0.9, "at_prevalence": {"prevalence": 0.1, "probability": 0.4}}) == (0.4, 0.1)


def test_figures_belong_to_the_triage_that_is_shown(card: Card) -> None:
    measured = replace(card, document={**card.document, "metrics": {"test": {"triage": TRIAGE}}})
    assert measured_words(measured, "likely_pneumonia") == (
        "Called likely pneumonia: 344 of 390 test images with pneumonia (sensitivity 88.2%), 5 of 234 normal images "
        "(specificity 97.9%)."
    )
    assert measured_words(measured, "likely_normal") == (
        "Called likely normal: 1 of 390 test images with pneumonia (sensitivity 99.7%), 159 of 234 normal images "
        "(specificity 67.9%)."
    )
    assert measured_words(measured, "indeterminate") == (
        "Not decided: 45 of 390 test images with pneumonia, 70 of 234 normal images."
    )


def test_a_card_without_figures_has_no_words(card: Card) -> None:
    assert measured_words(replace(card, document={}), "likely_normal") == ""
    assert len(heat_words(replace(card, document={}))) == 1


def test_the_scale_of_the_heat_is_explained(card: Card) -> None:
    lungs = {"films": 390, "heat_in_lungs": 0.7364, "lung_area": 0.3384}
    document = {"heatmap": {"quantile": 0.75}, "metrics": {"heatmap": {"lungs": lungs}}}
    text = " ".join(heat_words(replace(card, document=document)))
    assert "reaches full colour in 1 in 4 training images with pneumonia" in text
    assert "In 390 test images with pneumonia, 74% of the heat is in the lungs, which cover 34% of the image." in text
