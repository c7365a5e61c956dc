import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score

from training import metrics

RNG = np.random.default_rng(5)
Y = (RNG.random(400) < 0.6).astype(float)
P = np.clip(0.25 + 0.4 * Y + RNG.normal(0, 0.2, 400), 0, 1).round(2)  # rounded, so that there are ties


def test_auc_agrees_with_scikit_learn_with_ties() -> None:
    assert metrics.auc(Y, P) == pytest.approx(roc_auc_score(Y, P))


def test_auc_of_one_class_is_undefined() -> None:
    assert np.isnan(metrics.auc(np.ones(3), np.array([0.1, 0.5, 0.9])))


def test_counts_and_rates_agree_with_scikit_learn() -> None:
    tn, fp, fn, tp = confusion_matrix(Y, P >= 0.5).ravel()
    assert metrics.confusion(Y, P, 0.5) == {"tn": tn, "fp": fp, "fn": fn, "tp": tp}
    assert metrics.sensitivity(Y, P, 0.5) == pytest.approx(tp / (tp + fn))
    assert metrics.specificity(Y, P, 0.5) == pytest.approx(tn / (tn + fp))
    assert metrics.accuracy(Y, P, 0.5) == pytest.approx((tp + tn) / 400)
    assert metrics.f1(Y, P, 0.5) == pytest.approx(f1_score(Y, P >= 0.5))


def test_calibration_error_of_a_constant_guess_is_its_distance_from_the_prevalence() -> None:
    y = np.array([1.0, 1.0, 1.0, 0.0])
    assert metrics.expected_calibration_error(y, np.full(4, 0.5)) == pytest.approx(0.25)
    assert metrics.expected_calibration_error(y, np.full(4, 0.75)) == pytest.approx(0.0)


def test_calibration_bins_take_probability_one() -> None:
    assert metrics.calibration_bins(np.array([1.0]), np.array([1.0])) == [(1.0, 1.0, 1)]


def test_bootstrap_is_over_patients_not_images() -> None:
    # One patient has many identical images. Sampling images would give a narrow interval; sampling patients must not.
    y = np.array([1.0] * 100 + [0.0, 0.0])
    p = np.array([0.9] * 100 + [0.2, 0.8])
    groups = ["a"] * 100 + ["b", "c"]
    interval = metrics.bootstrap(lambda a, b: metrics.accuracy(a, b, 0.5), y, p, groups, rounds=200)
    assert interval.value == pytest.approx(101 / 102)
    assert interval.low < 0.6


def test_summary_holds_every_headline_figure() -> None:
    figures = metrics.summary(Y, P, 0.5, [str(k) for k in range(400)])
    assert set(figures) == {
        "auc",
        "sensitivity",
        "specificity",
        "accuracy",
        "f1",
        "expected_calibration_error",
    }
    assert all(f.low <= f.value <= f.high for name, f in figures.items() if name != "expected_calibration_error")
