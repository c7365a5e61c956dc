import itertools

import numpy as np
import pytest

from pneumonia_cli.audit import figures
from pneumonia_cli.audit.figures import Interval

Y = np.array([0, 0, 0, 1, 1, 1])
P = np.array([0.1, 0.4, 0.4, 0.4, 0.8, 0.9])


def test_auc_counts_pairs_and_half_of_equal_pairs() -> None:
    # Nine pairs: 0.4 is above one and equals two; the others are above all three.
    assert figures.auc(Y, P) == pytest.approx((1 + 2 * 0.5 + 3 + 3) / 9)
    assert figures.auc(Y, -P) == pytest.approx(1 - (1 + 2 * 0.5 + 3 + 3) / 9)
    assert np.isnan(figures.auc(np.ones(3, int), P[:3]))


def test_thresholds_belong_to_the_upper_side() -> None:
    assert figures.sensitivity(Y, P, 0.4) == 1
    assert figures.specificity(Y, P, 0.4) == pytest.approx(1 / 3)
    assert np.isnan(figures.sensitivity(np.zeros(2, int), P[:2], 0.5))


def test_the_bootstrap_draws_patients_not_images() -> None:
    rng = np.random.default_rng(1)
    called = rng.random(40) < 0.5
    alone = figures.share_interval(called, np.arange(40))
    # The same images ten times each, from 40 patients, give no more information than 40 images.
    repeated = figures.share_interval(np.repeat(called, 10), np.repeat(np.arange(40), 10))
    assert (repeated.low, repeated.high) == pytest.approx((alone.low, alone.high), abs=0.03)
    as_images = figures.share_interval(np.repeat(called, 10), np.arange(400))
    assert as_images.high - as_images.low < 0.5 * (alone.high - alone.low)


def test_the_bootstrap_is_the_same_each_time_and_holds_its_figure() -> None:
    groups = np.arange(6)
    first, second = (figures.auc_interval(Y, P, groups) for _ in range(2))
    assert first == second
    assert first.low <= first.value <= first.high


def test_the_interval_of_a_perfect_share_has_a_width() -> None:
    found = figures.share_interval(np.ones(20, bool), np.arange(20))
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(0.839, abs=0.001)  # Wilson's


def test_wilsons_interval() -> None:
    assert figures.wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert np.isnan(figures.wilson(0.5, 0)).all()


def test_figures_without_data_are_null() -> None:
    assert figures.share_interval(np.array([], bool), np.array([], int)).to_json() == [None, None, None]
    assert Interval(0.51239, 0.4, float("nan")).to_json() == [0.5124, 0.4, None]


def test_calibration_error_of_right_and_wrong_probabilities() -> None:
    y = np.array([0, 0, 0, 1] * 25)
    assert figures.calibration_error(y, np.full(100, 0.25)) == pytest.approx(0)
    assert figures.calibration_error(y, np.full(100, 0.85)) == pytest.approx(0.6)
    assert figures.calibration_bins(y, np.full(100, 1.0)) == [(1.0, 0.25, 100)]


def test_the_roc_goes_from_corner_to_corner() -> None:
    steps = figures.roc(Y, P)
    assert (steps[0], steps[-1]) == ((0, 0), (1, 1))
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in itertools.pairwise(steps))
    assert area == pytest.approx(figures.auc(Y, P))


@pytest.mark.parametrize(("target", "threshold"), [(1.0, 0.4), (0.66, 0.8), (0.33, 0.9)])
def test_the_highest_threshold_that_reaches_a_sensitivity(target: float, threshold: float) -> None:
    found = figures.threshold_for_sensitivity(Y, P, target)
    assert found == threshold
    assert figures.sensitivity(Y, P, found) >= target
