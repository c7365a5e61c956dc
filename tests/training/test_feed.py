"""The input of training is balanced and repeatable, and each image has its mask."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

from training import data, feed
from training.settings import TrainSettings

SETTINGS = TrainSettings(size=71, epoch_films=20, batch=8)


def made_up(count: int = 24) -> feed.ImageSet:
    """Return images of one grey each, equal to their number. Every second one has a mask of that number."""
    number = np.arange(count, dtype=np.uint8)
    known = (number % 2).astype(np.float32)
    masks = np.tile((number * known.astype(np.uint8))[:, None, None], (1, 56, 56))
    pixels = np.tile(number[:, None, None, None], (1, 71, 71, 1))
    return feed.ImageSet(pixels, masks, known, (number >= 4).astype(np.float32))


def test_an_epoch_is_balanced_and_repeats_nothing_early() -> None:
    y = np.array([0] * 4 + [1] * 20, dtype=np.float32)
    chosen = feed.draw(y, 16, np.random.default_rng(0))
    assert (y[chosen] == 0).sum() == (y[chosen] == 1).sum() == 8
    assert len(set(chosen[y[chosen] == 1])) == 8
    assert np.bincount(chosen[y[chosen] == 0], minlength=4).tolist() == [2, 2, 2, 2]


def epoch(settings: TrainSettings, fold: int, number: int) -> list[dict[str, np.ndarray]]:
    batches = feed.Batches(made_up(), settings, fold, number)
    return [batches[step][0] for step in range(len(batches))]


def test_batches_are_a_function_of_seed_fold_and_epoch() -> None:
    first = epoch(SETTINGS, 0, 0)
    for one, again in zip(first, epoch(SETTINGS, 0, 0), strict=True):
        assert all((one[name] == again[name]).all() for name in one)
    for other in (epoch(SETTINGS, 0, 1), epoch(SETTINGS, -2, 0), epoch(replace(SETTINGS, seed=8), 0, 0)):
        assert (first[0]["uniform"] != other[0]["uniform"]).all()
        assert (first[0]["film"] != other[0]["film"]).any()


def test_batches_have_one_size_and_different_draws() -> None:
    batches = epoch(SETTINGS, 0, 0)
    assert len(batches) == 2  # the last four images of the epoch do not fill a batch
    assert {batch["film"].shape for batch in batches} == {(8, 71, 71)}
    assert (batches[0]["uniform"] != batches[1]["uniform"]).all()


def test_image_mask_and_label_of_a_batch_belong_together() -> None:
    for batch in epoch(SETTINGS, 0, 0):
        number = batch["film"][:, 0, 0]
        assert (batch["label"] == (number >= 4)).all()
        assert (batch["known"] == number % 2).all()
        assert (batch["mask"][:, 0, 0] == number * (number % 2)).all()


def test_masks_are_found_by_the_file_name(tmp_path: Path) -> None:
    stored = np.stack([np.full((56, 56), grey, np.uint8) for grey in (10, 20)])
    np.savez(tmp_path / "lungs.npz", names=np.array(["b.png", "a.png"]), masks=stored)
    masks, known = feed.lung_masks(["a.png", "none.png", "b.png"], tmp_path / "lungs.npz")
    assert masks[:, 0, 0].tolist() == [20, 0, 10]
    assert known.tolist() == [1, 0, 1]


def test_without_a_file_no_mask_is_known() -> None:
    masks, known = feed.lung_masks(["a.png", "b.png"], None)
    assert masks.shape == (2, 56, 56)
    assert not known.any()


def test_masks_of_another_shape_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "lungs.npz", names=np.array(["a.png"]), masks=np.zeros((1, 64, 64), np.uint8))
    with pytest.raises(ValueError, match="must be 56 x 56"):
        feed.lung_masks(["a.png"], tmp_path / "lungs.npz")


def test_images_are_read_with_their_masks(images_dir: Path, lungs_file: Path) -> None:
    images = data.scan(images_dir)
    read = feed.ImageSet.read(images, 71, lungs_file)
    assert read.pixels.shape == (32, 71, 71, 1)
    assert read.known.sum() == 24
    assert (read.masks.any(axis=(1, 2)) == (read.known == 1)).all()
    assert (read.y == [image.label for image in images]).all()
    assert (read.part(np.array([3, 1])).pixels == read.pixels[[3, 1]]).all()
