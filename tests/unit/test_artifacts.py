"""The shipped artifacts work with this code."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumonia.model.card import Card
from pneumonia.model.sessions import Model
from pneumonia.predictor import Predictor
from pneumonia.settings import Settings


@pytest.fixture(scope="module")
def shipped(real_artifacts: Path) -> Predictor:
    return Predictor.load(Settings(model_dir=real_artifacts))


def test_every_file_matches_the_card(real_artifacts: Path) -> None:
    Card.load(real_artifacts).verify(real_artifacts)


def test_self_test_passes(shipped: Predictor) -> None:
    shipped.self_test()


def test_a_batch_gives_the_same_results_as_single_images(real_artifacts: Path) -> None:
    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 255, (180, 200), np.uint8)) for _ in range(2)]
    model = Model(Card.load(real_artifacts), real_artifacts)
    batch = [p.logit for p in model.predict(images)]
    assert batch == pytest.approx([model.predict([image])[0].logit for image in images], abs=1e-3)


def test_heatmap_of_the_golden_input(shipped: Predictor, real_artifacts: Path) -> None:
    data = (real_artifacts / shipped.card.golden.file).read_bytes()
    answer = shipped.predict(data, request_id="id", heatmap=True)
    assert answer.heatmap_png is not None
    assert 0 < answer.body["pneumonia"] < 1
