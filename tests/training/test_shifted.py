import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

from training import shifted

IMAGES = np.random.default_rng(3).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)


def test_a_draw_repeats_itself_and_differs_from_the_next() -> None:
    first, again, other = (shifted.acquired_otherwise(IMAGES, draw) for draw in (0, 0, 1))
    assert first.shape == IMAGES.shape
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any(axis=(1, 2, 3)).all()


def test_every_batch_gets_new_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shifted, "BATCH", 2)
    same = np.repeat(IMAGES[:1], 3, axis=0)
    found = shifted.acquired_otherwise(same, 0)
    assert found.shape == same.shape
    assert len({image.tobytes() for image in found}) == 3


def test_no_patch_is_erased() -> None:
    assert shifted.ACQUISITIONS.erase_probability == 0
