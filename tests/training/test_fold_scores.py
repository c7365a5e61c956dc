"""The scores of the images that a fold's network never saw."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

from training import fold_scores, metrics
from training.feed import ImageSet


class BrightnessCore:
    """A stand-in for a core. Its logit is the mean of the image, and its map is hot in the upper left cell."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def predict_on_batch(self, images: NDArray[np.float32]) -> dict[str, Any]:
        self.sizes.append(len(images))
        heat = np.full((len(images), 7, 7), -1, np.float32)
        heat[:, 1, 1] = 4
        logit = images.mean(axis=(1, 2, 3))
        return {"logit": logit, "activation_map": heat, "lung_map": np.ones_like(heat), "features": logit}


def test_batches_have_one_size_and_padding_is_removed() -> None:
    images = np.arange(70, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)
    core = BrightnessCore()
    logits = fold_scores.logits_of(core, images)
    assert core.sizes == [fold_scores.BATCH] * 2
    np.testing.assert_allclose(logits, np.arange(70) / 127.5 - 1, atol=1e-5)
    found = fold_scores.predict(core, images)
    assert found["activation_map"].shape == (70, 7, 7)


def test_a_cut_removes_its_share_of_the_height_and_resizes_the_rest() -> None:
    image = np.repeat(np.arange(100, dtype=np.uint8)[:, None], 100, axis=1)[None, :, :, None]
    top, bottom, both = (fold_scores.cut(image, *shares) for shares in fold_scores.CUTS)
    for found, first, last in ((top, 25, 99), (bottom, 0, 74), (both, 12, 86)):
        assert found.shape == image.shape
        assert found.dtype == np.uint8
        assert float(found[0, 0, 50, 0]) == pytest.approx(first, abs=1)
        assert float(found[0, -1, 50, 0]) == pytest.approx(last, abs=1)
    assert (fold_scores.cut(image, 0, 0) == image).all()


def masks(count: int) -> NDArray[np.uint8]:
    """Return masks whose upper left quarter is lung."""
    found = np.zeros((count, 56, 56), np.uint8)
    found[:, :28, :28] = 255
    return found


def test_heat_inside_the_lungs_is_counted() -> None:
    maps = np.full((2, 8, 8), -1, np.float32)
    maps[0, 1, 1] = 1  # well inside
    maps[1, 6, 6] = 1  # well outside
    found = fold_scores.in_lungs(maps, masks(2))
    assert found == pytest.approx({"heat_in_lungs": 0.5, "peak_in_lungs": 0.5, "lung_area": 0.25})


def test_even_heat_lies_inside_by_the_area_of_the_lungs() -> None:
    assert fold_scores.in_lungs(np.ones((1, 8, 8), np.float32), masks(1))["heat_in_lungs"] == pytest.approx(0.25)


def test_images_without_positive_heat_have_a_hottest_place_but_no_share() -> None:
    maps = np.full((2, 8, 8), -2, np.float32)
    maps[0, 1, 1] = 5
    maps[1, 1, 1] = -1
    found = fold_scores.in_lungs(maps, masks(2))
    assert found["heat_in_lungs"] == pytest.approx(1)
    assert found["peak_in_lungs"] == 1
    found = fold_scores.in_lungs(maps[1:], masks(1))
    assert (found["heat_in_lungs"], found["peak_in_lungs"]) == (0, 1)


def images(count: int = 12) -> ImageSet:
    """Return images of which every second shows pneumonia and is brighter. The first four have masks."""
    y = (np.arange(count) % 2).astype(np.float32)
    grey = np.random.default_rng(2).integers(0, 60, (count, 32, 32, 1)) + (60 + 90 * y)[:, None, None, None]
    return ImageSet(grey.astype(np.uint8), masks(count), (np.arange(count) < 4).astype(np.float32), y)


def test_scores_and_checks_are_kept_in_the_folder_of_the_fold(tmp_path: Path) -> None:
    held_out, index = images(), np.arange(20, 32)
    checks = fold_scores.score(BrightnessCore(), held_out, index, tmp_path)
    stored, shifted, cut = (np.load(tmp_path / f"{name}.npz") for name in ("validation", "shifted", "cut"))
    assert (stored["index"] == index).all()
    assert stored["logit"].shape == (12,)
    assert shifted["logit"].shape == (2, 12)
    assert cut["logit"].shape == (3, 12)
    assert json.loads((tmp_path / "checks.json").read_text()) == checks
    assert checks["films"] == 12
    assert checks["auc"] == metrics.auc(held_out.y.astype(float), stored["logit"].astype(float)) == 1.0
    assert checks["normals_called_ill_when_cut"] == [0, 0, 0]
    assert checks["peak_in_lungs"] == 1
    assert {path.name for path in tmp_path.iterdir()} == {"validation.npz", "shifted.npz", "cut.npz", "checks.json"}


def test_without_masks_there_are_no_lung_figures(tmp_path: Path) -> None:
    known = images()
    blind = ImageSet(known.pixels, known.masks, np.zeros(12, np.float32), known.y)
    assert "peak_in_lungs" not in fold_scores.score(BrightnessCore(), blind, np.arange(12), tmp_path)
