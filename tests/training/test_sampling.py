"""Compare resampling with its definitions and with scipy."""

import numpy as np
import pytest
from scipy import ndimage

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

from keras import ops

from training import sampling

RNG = np.random.default_rng(4)
IMAGES = RNG.random((2, 9, 7)).astype(np.float32)


def test_sampling_is_bilinear_and_zero_outside() -> None:
    x, y = (RNG.uniform(-3, high + 3, (2, 40, 30)).astype(np.float32) for high in (7, 9))
    found = np.asarray(sampling.sample(ops.convert_to_tensor(IMAGES), x, y))
    expected = [
        ndimage.map_coordinates(image, [rows, columns], order=1, mode="grid-constant")
        for image, rows, columns in zip(IMAGES, y, x, strict=True)
    ]
    assert found.shape == (2, 40, 30)
    # Far beyond the right and lower edges, a thousandth of the last pixel remains.
    np.testing.assert_allclose(found, expected, atol=1.1e-3)
    inside = (x > -1) & (x < 6.9) & (y > -1) & (y < 8.9)
    np.testing.assert_allclose(found[inside], np.stack(expected)[inside], atol=1e-5)
    assert (found[(x <= -1) | (y <= -1)] == 0).all()


def test_whole_pixels_are_unchanged() -> None:
    y, x = (np.broadcast_to(grid, IMAGES.shape).astype(np.float32) for grid in np.indices((9, 7)))
    assert (np.asarray(sampling.sample(ops.convert_to_tensor(IMAGES), x, y)) == IMAGES).all()


@pytest.mark.parametrize(("rows", "columns"), [(3, 7), (4, 3), (9, 5)])
def test_a_cell_is_the_mean_over_its_area(rows: int, columns: int) -> None:
    found = np.asarray(sampling.area_mean(IMAGES, rows, columns))
    # Pixels are split so that each cell covers a whole number of parts.
    fine = IMAGES.repeat(rows, axis=1).repeat(columns, axis=2)
    np.testing.assert_allclose(found, fine.reshape(2, rows, 9, columns, 7).mean(axis=(2, 4)), atol=1e-6)


@pytest.mark.parametrize("side", [1, 3, 5])
def test_the_mean_around_a_pixel_is_mirrored_at_the_borders(side: int) -> None:
    found = np.asarray(sampling.box_mean(IMAGES, side))
    expected = [ndimage.uniform_filter(image, side, mode="mirror") for image in IMAGES]
    np.testing.assert_allclose(found, expected, atol=1e-6)
