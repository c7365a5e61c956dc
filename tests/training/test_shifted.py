from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is in the training environment (make train-test)")

from training import shifted

FILMS = np.random.default_rng(3).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)


class BrightnessModel:
    """Stands for a network whose logit is the film's mean grey value."""

    def predict(self, films: Any, *, batch_size: int, verbose: int) -> dict[str, Any]:
        return {"logit": films.mean(axis=(1, 2, 3))}


def test_a_draw_repeats_itself_and_differs_from_the_next() -> None:
    first, again, other = (shifted.acquired_otherwise(FILMS, draw) for draw in (0, 0, 1))
    assert first.shape == FILMS.shape
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any(axis=(1, 2, 3)).all()


def test_no_patch_is_erased_since_no_machine_does_that() -> None:
    assert shifted.ACQUISITIONS.erase_probability == 0


def test_scores_are_kept_beside_the_validation_of_the_fold(tmp_path: Path) -> None:
    logits = shifted.score(BrightnessModel(), FILMS, tmp_path)
    assert logits.shape == (shifted.DRAWS, 3)
    assert (np.load(tmp_path / "shifted.npz")["logit"] == logits).all()
