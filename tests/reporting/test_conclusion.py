from typing import Any

import pytest

from pneumonia_cli.reporting.conclusion import LIMITS, conclusion, percentage_of, spoken

MODEL = {"name": "tiny", "version": "1.2.3", "sha256": "ab" * 32}
RESULT: dict[str, Any] = {"pneumonia": 0.8, "triage": "likely_pneumonia", "notice": "Trained on some X-rays."}


def test_limits_come_first_then_the_notice_then_the_answer() -> None:
    told = conclusion({**RESULT, "image": {"warnings": ["lateral_view"]}}, MODEL)
    assert tuple(told[: len(LIMITS)]) == LIMITS
    assert told[len(LIMITS)] == "Trained on some X-rays."
    assert told[len(LIMITS) + 1] == "Triage for pneumonia: likely pneumonia."
    assert "Warning about the image: lateral view." in told
    assert told[-1] == "Model: tiny 1.2.3."


@pytest.mark.parametrize("caveat", [{"in_training_population": False}, {"forced": True}])
def test_with_a_caveat_every_sentence_states_it(caveat: dict[str, Any]) -> None:
    for sentence in spoken({**RESULT, **caveat}):
        assert sentence.startswith("No triage: ")
        assert "must not be used:" in sentence


def test_the_number_holds_for_a_share() -> None:
    assert spoken(RESULT)[1] == (
        "Probability of pneumonia: 80.0%, if 1 in 2 such X-rays shows pneumonia. "
        "Where fewer of them show it, the probability is lower."
    )
    elsewhere = {**RESULT, "at_prevalence": {"prevalence": 0.1, "probability": 0.3}}
    assert spoken(elsewhere)[1] == "Probability of pneumonia: 30.0%, if 1 in 10 such X-rays shows pneumonia."


@pytest.mark.parametrize(("share", "percentage"), [(0.0, 0.1), (0.12345, 12.3), (1.0, 99.9)])
def test_percentages(share: float, percentage: float) -> None:
    assert percentage_of(share) == percentage
