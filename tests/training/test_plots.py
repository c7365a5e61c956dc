from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import plots

RNG = np.random.default_rng(2)
Y = (RNG.random(120) < 0.6).astype(float)
P = np.clip(0.3 + 0.4 * Y + RNG.normal(0, 0.2, 120), 0, 1)
POINTS = {"rule_out": 0.2, "balanced": 0.5, "rule_in": 0.8}


@pytest.mark.parametrize("name", ["roc", "calibration", "thresholds", "scores", "confusion"])
def test_every_plot_is_not_empty(name: str, tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    {
        "roc": lambda: plots.roc(Y, P, POINTS, {"peer": (0.9, 0.8)}, path),
        "calibration": lambda: plots.calibration(Y, P, path),
        "thresholds": lambda: plots.thresholds(Y, P, POINTS, path),
        "scores": lambda: plots.scores(Y, P, POINTS, path),
        "confusion": lambda: plots.confusion({"tn": 40, "fp": 8, "fn": 4, "tp": 68}, path),
    }[name]()
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L"))
    assert pixels.shape > (300, 400)
    assert 0.005 < np.mean(pixels < 200) < 0.6
