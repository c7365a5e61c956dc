import numpy as np
import pytest
from numpy.typing import NDArray

from training import calibrate, metrics

RNG = np.random.default_rng(11)
Y = (RNG.random(4000) < 0.7).astype(float)
STEP = 10.0**-calibrate.DECIMALS
"""The smallest difference between two probabilities."""

LOGITS = 3 * (Y - 0.5) + RNG.normal(0, 1.0, 4000)


def test_platt_scaling_calibrates() -> None:
    fit = calibrate.platt(Y, LOGITS, prevalence=Y.mean())
    p = fit.probability(LOGITS)
    assert p.mean() == pytest.approx(Y.mean(), abs=1e-3)
    assert (
        metrics.expected_calibration_error(Y, p)
        < 0.03
        < metrics.expected_calibration_error(Y, calibrate.Calibration(0.2, 0.0).probability(LOGITS))
    )


def test_another_prevalence_moves_the_log_odds_by_the_ratio_of_the_odds() -> None:
    half, tenth = (calibrate.platt(Y, LOGITS, prevalence=share) for share in (0.5, 0.1))
    assert half.slope == pytest.approx(tenth.slope, rel=0.1)
    assert half.intercept - tenth.intercept == pytest.approx(np.log(9), abs=0.15)


@pytest.mark.parametrize("target", [0.9, 0.95, 0.99, 1.0])
def test_thresholds_reach_their_target_and_are_the_tightest(target: float) -> None:
    p = calibrate.platt(Y, LOGITS).probability(LOGITS)
    low = calibrate.threshold_for_sensitivity(Y, p, target)
    assert metrics.sensitivity(Y, p, low) >= target
    assert metrics.sensitivity(Y, p, low + STEP / 2) < target
    high = calibrate.threshold_for_specificity(Y, p, target)
    assert metrics.specificity(Y, p, high) >= target
    assert metrics.specificity(Y, p, high - 1.5 * STEP) < target


def test_thresholds_and_probabilities_have_six_decimals() -> None:
    """Thresholds and probabilities have the six decimals that the card and results show."""
    fit = calibrate.platt(Y, LOGITS)
    p = fit.probability(LOGITS)
    points = calibrate.operating_points(validation(Y, p, 0.1))
    numbers = [fit.slope, fit.intercept, *p, *(point["threshold"] for point in points.values())]
    assert all(float(f"{number:.6f}") == number for number in numbers)


def validation(y: NDArray[np.float64], p: NDArray[np.float64], shift: float = 0.0) -> calibrate.Validation:
    moved = np.asarray(np.round(np.clip(p + shift, 0.001, 0.999), calibrate.DECIMALS), np.float64)
    return calibrate.Validation(y, p, y, moved)


def test_operating_points_are_in_order_even_when_the_classes_do_not_overlap() -> None:
    y = np.array([0.0] * 50 + [1.0] * 50)
    p = np.concatenate([np.linspace(0.05, 0.2, 50), np.linspace(0.8, 0.95, 50)])
    points = calibrate.operating_points(validation(y, p))
    thresholds = [points[name]["threshold"] for name in ("rule_out", "balanced", "rule_in")]
    assert thresholds == sorted(thresholds)
    assert points["rule_out"]["validation_sensitivity"] >= calibrate.RULE_OUT_SENSITIVITY
    assert points["rule_in"]["validation_specificity"] >= calibrate.RULE_IN_SPECIFICITY


@pytest.mark.parametrize("shift", [-0.1, 0.1])
def test_each_point_reaches_its_target_on_shifted_images_too(shift: float) -> None:
    p = calibrate.platt(Y, LOGITS).probability(LOGITS)
    points = calibrate.operating_points(validation(Y, p, shift))
    for name in ("validation", "shifted"):
        assert points["rule_out"][f"{name}_sensitivity"] >= calibrate.RULE_OUT_SENSITIVITY
        assert points["balanced"][f"{name}_sensitivity"] >= calibrate.BALANCED_SENSITIVITY
        assert points["rule_in"][f"{name}_specificity"] >= calibrate.RULE_IN_SPECIFICITY


def test_the_balanced_threshold_follows_lower_scores_only() -> None:
    p = calibrate.platt(Y, LOGITS).probability(LOGITS)
    lower, still, higher = (
        calibrate.operating_points(validation(Y, p, by))["balanced"]["threshold"] for by in (-0.1, 0.0, 0.1)
    )
    assert lower < still - 0.01
    assert higher == pytest.approx(still)
