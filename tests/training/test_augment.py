"""Augmentation depends only on its draws, stays in range, and moves image and mask together."""

from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

from training.augment import UNIFORMS, Augmentation, augment, draws

STILL = Augmentation(**dict.fromkeys((field.name for field in fields(Augmentation)), 0.0))
"""Return an augmentation with every range at zero."""

Array = NDArray[np.float32]
NOISE = np.random.default_rng(3).random((1, 48, 48)).astype(np.float32)


def down(size: int = 64) -> Array:
    """Return an image whose brightness rises from 0 at the top to 1 at the bottom."""
    return np.repeat(np.linspace(0, 1, size, dtype=np.float32)[None, :, None], size, axis=2)


def run(image: Array, ranges: Augmentation, count: int = 16, seed: int = 1) -> Array:
    """Return ``count`` simulated acquisitions of one image."""
    changed, _ = augment(np.repeat(image, count, axis=0), None, draws([seed], count), ranges)
    return np.asarray(changed)


def test_draws_are_a_function_of_their_seed() -> None:
    assert draws([7, 1], 5).shape == (5, UNIFORMS)
    assert (draws([7, 1], 5) == draws([7, 1], 5)).all()
    assert (draws([7, 1], 5) != draws([7, 2], 5)).any(axis=1).all()


def test_the_same_draws_give_the_same_image() -> None:
    first = run(NOISE, Augmentation())
    assert first.shape == (16, 48, 48)
    assert first.min() >= 0
    assert first.max() <= 1
    assert (first == run(NOISE, Augmentation())).all()
    assert (first != run(NOISE, Augmentation(), seed=2)).any(axis=(1, 2)).all()
    assert len({image.tobytes() for image in first}) == 16


def test_an_image_does_not_depend_on_its_neighbours() -> None:
    uniform = draws([1], 4)
    alone, _ = augment(NOISE, None, uniform[2:3], Augmentation())
    np.testing.assert_allclose(np.asarray(alone)[0], run(NOISE, Augmentation(), 4)[2], atol=1e-5)


def test_with_every_range_at_zero_only_the_flip_remains() -> None:
    found = run(NOISE, STILL)
    same = np.abs(found - NOISE).max(axis=(1, 2)) < 1e-5
    mirrored = np.abs(found - NOISE[:, :, ::-1]).max(axis=(1, 2)) < 1e-5
    assert (same ^ mirrored).all()
    assert same.any()
    assert mirrored.any()


def spot(size: int, x: float, y: float, width: float = 0.06) -> Array:
    """Return a bright spot at a place given as shares of the sides."""
    line = (np.arange(size, dtype=np.float32) + 0.5) / size
    return np.exp(-((line[None, None, :] - x) ** 2 + (line[None, :, None] - y) ** 2) / width**2).astype(np.float32)


def centre(images: Array) -> NDArray[np.float64]:
    """Return the centres of mass as shares of the sides, ``[N, 2]``."""
    line = (np.arange(images.shape[1]) + 0.5) / images.shape[1]
    mass = images.sum(axis=(1, 2), dtype=np.float64)
    return np.stack([(images.sum(axis=1) @ line) / mass, (images.sum(axis=2) @ line) / mass], axis=1)


@pytest.mark.parametrize("cut_probability", [0.0, 1.0])
def test_image_and_mask_move_together(cut_probability: float) -> None:
    geometry = replace(STILL, rotation_degrees=15.0, shift=0.08, zoom_out=0.2, zoom_in=0.25, log_stretch=0.15, cut=0.3,
                       cut_probability=cut_probability)  # fmt: skip
    image, mask = (np.repeat(spot(size, 0.6, 0.42), 64, axis=0) for size in (96, 56))
    images, masks = (np.asarray(found) for found in augment(image, mask, draws([5], 64), geometry))
    assert masks.shape == (64, 56, 56)
    places = centre(images)
    assert np.abs(places - centre(masks)).max() < 0.005
    assert (places.std(axis=0) > 0.03).all()


def test_exposure_does_not_change_the_mask() -> None:
    _, masks = augment(np.repeat(NOISE, 8, axis=0), np.repeat(NOISE, 8, axis=0), draws([1], 8),
                       replace(Augmentation(), rotation_degrees=0.0, shift=0.0, zoom_out=0.0, zoom_in=0.0,
                               log_stretch=0.0, cut=0.0))  # fmt: skip
    gap = np.minimum(*(np.abs(np.asarray(masks) - side).max(axis=(1, 2)) for side in (NOISE, NOISE[:, :, ::-1])))
    assert gap.max() < 1e-5


def test_gamma_moves_the_middle_grey_both_ways() -> None:
    means = run(down(), replace(STILL, log_gamma=0.5)).mean(axis=(1, 2))
    assert means.min() < 0.5 - 0.03
    assert means.max() > 0.5 + 0.03


def test_a_cut_removes_a_share_at_one_end_and_stretches_the_rest() -> None:
    rows = run(down(200), replace(STILL, cut=0.3, cut_probability=1.0), 32)[:, :, 100]
    # The outermost rows mix the image with the black around it, so the test reads one row further in.
    top, bottom = rows[:, 1], rows[:, -2]
    left = bottom - top
    assert left.min() > 0.7 - 0.02
    assert left.max() < 1
    assert left.std() > 0.05
    kept_top, kept_bottom = top < 0.01, bottom > 0.99
    assert (kept_top ^ kept_bottom)[left < 0.97].all()
    assert kept_top.any()
    assert kept_bottom.any()


def test_a_tone_curve_keeps_the_order_of_greys_and_both_ends() -> None:
    rows = run(down(), replace(STILL, curve_probability=1.0))[:, :, 30]
    assert (np.diff(rows, axis=1) >= -1e-6).all()
    np.testing.assert_allclose(rows[:, [0, -1]], np.tile([0, 1], (16, 1)), atol=1e-5)
    assert np.abs(rows - down()[0, :, 30]).max() > 0.1


def test_local_contrast_evens_the_brightness_of_regions() -> None:
    found = run(0.1 + 0.6 * down() + 0.1 * np.random.default_rng(1).random((1, 64, 64)).astype(np.float32),
                replace(STILL, local_probability=1.0))  # fmt: skip
    strengths = draws([1], 16)[:, 39]
    spread = np.abs(found[:, 48:].mean(axis=(1, 2)) - found[:, :16].mean(axis=(1, 2)))
    assert np.corrcoef(strengths, spread)[0, 1] < -0.9


def test_borders_are_black_and_an_erased_patch_has_one_grey() -> None:
    white = np.ones((1, 64, 64), np.float32)
    framed = run(white, replace(STILL, border=0.2), 32)
    assert set(np.unique(framed)) == {0.0, 1.0}
    changed = (framed == 0).any(axis=(1, 2))
    assert changed.any()
    assert not changed.all()
    assert (framed[:, 16:48, 16:48] == 1).all()
    erased = run(white, replace(STILL, erase=0.25, erase_probability=1.0))
    for image in erased:
        greys = np.unique(image[image < 1])
        assert len(greys) == 1
        assert 0 < (image < 1).mean() < 0.3**2
