"""The committed figures are those that the committed model has on the test split."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from pneumonia.decode.limits import Limits
from pneumonia.settings import Settings
from training import data, evaluate, metrics
from training.scoring import Server

ARTIFACTS = Path(__file__).parents[2] / "model_artifacts"


def test_triage_answers_are_counted_by_true_class() -> None:
    table = evaluate.triage_table(np.array([0.0, 1.0, 1.0]), ["likely_normal", "likely_normal", "indeterminate"])
    assert table["likely_normal"] == {"normal": 1, "pneumonia": 1}
    assert table["indeterminate"] == {"normal": 0, "pneumonia": 1}


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif("CXR_DATA" not in os.environ, reason="CXR_DATA is not set: the test split is not in the repository")
def test_the_served_model_has_the_figures_of_its_card() -> None:
    settings = Settings.from_env({"MODEL_DIR": str(ARTIFACTS)})
    server = Server.load(ARTIFACTS)
    films = data.scan(Path(os.environ["CXR_DATA"]) / "test")
    limits = Limits(settings.max_image_bytes, settings.max_image_pixels)
    scores = server.score_files([film.path for film in films], "Test split", limits)
    y, t = data.labels(films).astype(np.float64), server.card.operating_points.balanced
    figures = json.loads((ARTIFACTS / "card.json").read_text())["metrics"]["test"]
    assert figures["films"] == len(films) == 624
    assert metrics.auc(y, scores.probability) == pytest.approx(figures["auc"][0], abs=0.002)
    # Another CPU may round a film or two on the threshold to the other side.
    counts = metrics.confusion(y, scores.probability, t)
    assert all(abs(counts[name] - figures["confusion"][name]) <= 2 for name in counts)
