import numpy as np
import pytest

from training import calibrate, metrics

RNG = np.random.default_rng(11)
Y = (RNG.random(4000) < 0.7).astype(float)
LOGITS = 3 * (Y - 0.5) + RNG.normal(0, 1.0, 4000)


def test_platt_scaling_calibrates() -> None:
    fit = calibrate.platt(Y, LOGITS)
    p = fit.probability(LOGITS)
    assert p.mean() == pytest.approx(Y.mean(), abs=1e-3)
    assert (
        metrics.expected_calibration_error(Y, p)
        < 0.03
        < metrics.expected_calibration_error(Y, calibrate.Calibration(0.2, 0.0).probability(LOGITS))
    )


@pytest.mark.parametrize("target", [0.9, 0.95, 0.99, 1.0])
def test_thresholds_reach_their_target_and_no_tighter_one_would(target: float) -> None:
    p = calibrate.platt(Y, LOGITS).probability(LOGITS)
    low = calibrate.threshold_for_sensitivity(Y, p, target)
    assert metrics.sensitivity(Y, p, low) >= target
    assert metrics.sensitivity(Y, p, np.nextafter(low, 1)) < target
    high = calibrate.threshold_for_specificity(Y, p, target)
    assert metrics.specificity(Y, p, high) >= target
    assert metrics.specificity(Y, p, np.nextafter(high, 0)) < target


def test_operating_points_are_in_order_even_when_the_classes_do_not_overlap() -> None:
    y = np.array([0.0] * 50 + [1.0] * 50)
    p = np.concatenate([np.linspace(0.05, 0.2, 50), np.linspace(0.8, 0.95, 50)])
    points = calibrate.operating_points(y, p, 0.95)
    thresholds = [points[name]["threshold"] for name in ("rule_out", "balanced", "rule_in")]
    assert thresholds == sorted(thresholds)
    assert points["rule_out"]["validation_sensitivity"] >= 0.99
    assert points["rule_in"]["validation_specificity"] >= 0.99
