import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is in the training environment (make train-test)")

from training import calibrate, publish


def test_validation_figures_show_the_spread_over_the_folds() -> None:
    y = np.array([0.0, 1.0, 0.0, 1.0])
    films = calibrate.Validation(
        y, np.array([0.1, 0.9, 0.8, 0.2]), np.tile(y, 2), np.array([0.1, 0.9] * 3 + [0.9, 0.1])
    )
    figures = publish.validation_metrics(films, np.array([0.0, 0.0, 1.0, 1.0]), 0.5)
    assert figures["auc_per_fold"] == [1.0, 0.0]
    assert figures["accuracy"] == 0.5
    assert figures["shifted"]["films"] == 8
    assert figures["shifted"]["auc_per_fold"] == [1.0, 0.5]
