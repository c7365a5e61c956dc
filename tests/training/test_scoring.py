"""Scores through the serving code: of the tiny model, and of the shipped model on the test split."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumonia.settings import Settings
from training import data, metrics
from training.scoring import BATCH, Server

ARTIFACTS = Path(__file__).parents[2] / "model_artifacts"


def test_images_in_files_and_in_memory_have_the_same_scores(artifacts: Path, images_dir: Path) -> None:
    server, limits = Server.load(artifacts), Settings.from_env({"MODEL_DIR": str(artifacts)}).limits
    paths = [image.path for image in data.scan(images_dir)]
    assert len(paths) > BATCH
    files = server.score_files(paths, "Images", limits)
    memory = server.score([Image.open(path) for path in paths])
    assert (files.logit == memory.logit).all()
    assert (files.probability == memory.probability).all()
    assert files.triage == memory.triage
    assert len(files.maps) == len(paths)
    assert np.ptp(files.logit) > 0


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif("CXR_DATA" not in os.environ, reason="CXR_DATA is not set: the test split is not in the repository")
def test_the_served_model_has_the_figures_of_its_card() -> None:
    server, limits = Server.load(ARTIFACTS), Settings.from_env({"MODEL_DIR": str(ARTIFACTS)}).limits
    images = data.scan(Path(os.environ["CXR_DATA"]) / "test")
    scores = server.score_files([image.path for image in images], "Test split", limits)
    y, t = data.labels(images).astype(np.float64), server.card.operating_points.balanced
    figures = json.loads((ARTIFACTS / "card.json").read_text())["metrics"]["test"]
    assert figures["films"] == len(images) == 624
    assert metrics.auc(y, scores.probability) == pytest.approx(figures["auc"][0], abs=0.002)
    # Another CPU may round one or two images near the threshold to the other side.
    counts = metrics.confusion(y, scores.probability, t)
    assert all(abs(counts[name] - figures["confusion"][name]) <= 2 for name in counts)
