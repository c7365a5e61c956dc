from typing import Any

import numpy as np
import pytest

from pneumonia.decode.grey_range import film_range, luma, scale_to_grey, within

IMAGE = np.random.default_rng(0).integers(1000, 3001, (100, 100)).astype(np.float32)


def test_scaling_clips_and_rounds() -> None:
    assert scale_to_grey(np.array([0, 10, 15, 20, 99]), 10, 20).tolist() == [0, 0, 128, 255, 255]


def test_an_empty_range_gives_black() -> None:
    assert scale_to_grey(np.array([7, 7]), 7, 7).tolist() == [0, 0]


def test_the_range_of_an_image() -> None:
    assert film_range(IMAGE) == (1000, 3000)


@pytest.mark.parametrize("extreme", [0, 65535, -32768])
@pytest.mark.parametrize("count", [1, 50])
def test_extreme_pixels_do_not_affect_the_range(extreme: int, count: int) -> None:
    values = IMAGE.copy()
    values.flat[np.random.default_rng(1).choice(values.size, count, replace=False)] = extreme
    low, high = film_range(values)
    assert 850 < low <= 1010
    assert 2990 <= high < 3150


@pytest.mark.parametrize("grey", [0, 65535])
def test_a_wide_border_far_off_does_not_affect_the_range(grey: int) -> None:
    values = np.full((200, 200), grey * 1.0 if grey else -9000.0)
    values[50:150, 50:150] = IMAGE
    low, high = film_range(values)
    assert 850 < low <= 1020
    assert 2980 <= high < 3150


@pytest.mark.parametrize("grey", [-9000, 9000])
def test_a_border_with_noise_does_not_affect_the_range(grey: int) -> None:
    values = np.random.default_rng(2).normal(grey, 100, (200, 200))
    values[50:150, 50:150] = IMAGE
    low, high = film_range(values)
    assert 850 < low <= 1020
    assert 2980 <= high < 3150


def test_a_part_with_a_wide_range_is_not_a_border() -> None:
    """Both parts have a wide range, so either may be the X-ray, and both count."""
    values = IMAGE.copy()
    values[:50] += 6000
    assert film_range(values) == (1000, 9000)


def test_padding_does_not_affect_the_range() -> None:
    values = IMAGE.copy()
    values[:, :40] = 4000
    mask = np.ones(values.shape, bool)
    mask[:, :40] = False
    assert film_range(values, mask)[1] == 3000
    assert film_range(values, np.zeros(values.shape, bool)) == (0, 0)


def test_one_value_has_no_range() -> None:
    low, high = film_range(np.full((9, 9), 7.0))
    assert low == high == 7


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        ((0.0, 4095.0), (0.0, 4095.0)),  # half full
        ((0.0, 65535.0), (500.0, 3000.0)),
        ((-1e9, 1e9), (500.0, 3000.0)),
        ((1000.0, 1200.0), (1000.0, 1200.0)),
        ((2500.0, 9000.0), (2500.0, 3000.0)),
        ((5000.0, 9000.0), (5000.0, 9000.0)),  # no overlap, so nothing is shown
    ],
)
def test_a_declared_range_is_narrowed_to_the_image(declared: tuple[float, float], shown: tuple[float, float]) -> None:
    assert within(declared, (500.0, 3000.0)) == shown


def test_deep_colour_keeps_its_low_bytes() -> None:
    grey = (IMAGE[..., np.newaxis] * np.ones(3)).astype(np.uint16)
    assert np.abs(luma(grey, deep=True).astype(int) - scale_to_grey(IMAGE, 1000, 3000)).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_whole_numbers_have_a_range(dtype: type[np.integer[Any]]) -> None:
    values = np.arange(10_000, dtype=np.int64).reshape(100, 100).astype(dtype)
    low, high = film_range(values)
    assert values.min() <= low < high <= values.max()
