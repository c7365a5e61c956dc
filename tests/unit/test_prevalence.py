import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumonia.errors import MalformedRequest
from pneumonia.prevalence import HIGHEST, LOWEST, probability_at, read_prevalence, with_prevalence

SHARES = st.floats(LOWEST, HIGHEST)


@pytest.mark.parametrize(
    ("probability", "calibrated", "prevalence", "wanted"),
    [
        (0.96, 0.5, 0.1, 0.727273),  # odds of 24, a ninth of them
        (0.5, 0.5, 0.1, 0.1),  # without evidence the probability is the prevalence
        (0.2, 0.2, 0.7, 0.7),
        (0.96, 0.5, 0.5, 0.96),
        (0.3, 0.1, 0.5, 0.794118),
        (0.0, 0.5, 0.1, 0.0),
        (1.0, 0.5, 0.1, 1.0),
    ],
)
def test_the_odds_change_by_the_ratio_of_the_prior_odds(
    probability: float, calibrated: float, prevalence: float, wanted: float
) -> None:
    assert probability_at(probability, calibrated, prevalence) == wanted


@given(SHARES, SHARES, SHARES)
def test_it_is_the_shift_of_the_log_odds(probability: float, calibrated: float, prevalence: float) -> None:
    def logit(p: float) -> float:
        return math.log(p / (1 - p))

    shifted = logit(probability) + logit(prevalence) - logit(calibrated)
    wanted = 1 / (1 + math.exp(-shifted))
    assert probability_at(probability, calibrated, prevalence) == pytest.approx(wanted, abs=1e-6)


@given(SHARES, SHARES, SHARES)
def test_it_can_be_undone(probability: float, calibrated: float, prevalence: float) -> None:
    there = probability_at(probability, calibrated, prevalence)
    if 0.01 < there < 0.99:  # near 0 and 1, rounding loses too much
        assert probability_at(there, prevalence, calibrated) == pytest.approx(probability, abs=0.01)


def test_a_prediction_gets_one_more_member_and_keeps_the_others() -> None:
    answer = {"pneumonia": 0.96, "label": "pneumonia", "triage": "likely_pneumonia", "calibrated_prevalence": 0.2}
    found = with_prevalence(answer, 0.1)
    assert found == {**answer, "at_prevalence": {"prevalence": 0.1, "probability": 0.914286}}
    assert with_prevalence(answer, None) == answer
    assert with_prevalence({"status": "rejected"}, 0.1) == {"status": "rejected"}


def test_predictions_without_a_calibrated_prevalence_count_as_even_odds() -> None:
    assert with_prevalence({"pneumonia": 0.96}, 0.1)["at_prevalence"]["probability"] == 0.727273


@pytest.mark.parametrize(("value", "wanted"), [(None, None), ("0.1", 0.1), (" 1e-2 ", 0.01), (0.999, 0.999)])
def test_what_is_read(value: Any, wanted: float | None) -> None:
    assert read_prevalence(value) == wanted


@pytest.mark.parametrize(
    "value", ["", "0", "1", 0, 1, "0,1", "10%", "nan", "inf", "-0.1", "jane", True, [], {}, 10**400]
)
def test_what_is_refused(value: Any) -> None:
    with pytest.raises(MalformedRequest, match=r"^prevalence must be a number from 0\.001 to 0\.999"):
        read_prevalence(value)
