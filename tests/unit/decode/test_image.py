import numpy as np
import pytest
from PIL import Image

from pneumonia.decode.image import BLANK_SPREAD, DecodedImage, check_content
from pneumonia.errors import BlankImage, TooSmall


def decoded(pixels: Image.Image) -> DecodedImage:
    return DecodedImage(pixels, "PNG", pixels.width, pixels.height)


@pytest.mark.parametrize("size", [(63, 500), (500, 63), (1, 1)])
def test_a_thumbnail_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(TooSmall, match="at least 64"):
        check_content(decoded(Image.linear_gradient("L").resize(size)), 64)


def test_the_reported_size_is_that_of_the_file() -> None:
    check_content(DecodedImage(Image.linear_gradient("L").resize((400, 400)), "JPEG", 1600, 1600), 1000)
    with pytest.raises(TooSmall, match="900 x 1600"):
        check_content(DecodedImage(Image.linear_gradient("L"), "JPEG", 900, 1600), 1000)


def test_the_smallest_image_passes() -> None:
    check_content(decoded(Image.linear_gradient("L").resize((64, 64))), 64)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_blank_image_is_refused_even_with_a_speck_of_dust(grey: int) -> None:
    image = Image.new("L", (100, 100), grey)
    image.paste(255 - grey, (0, 0, 9, 9))  # less than a hundredth of the image
    with pytest.raises(BlankImage):
        check_content(decoded(image), 64)


def test_the_grey_levels_of_a_large_image_are_counted_in_all_its_strips() -> None:
    levels = np.linspace(0, 255, 60).astype(np.uint8)  # each level in a separate group of rows
    tall = Image.fromarray(np.repeat(levels, 100)[:, np.newaxis].repeat(900, axis=1))
    assert check_content(decoded(tall), 64).warnings == ()
    few = tall.point(lambda grey: grey // 8 * 8)
    assert check_content(decoded(few), 64).warnings == ("low_contrast",)


@pytest.mark.parametrize("seed", range(40))
def test_an_image_is_blank_by_all_its_pixels(seed: int) -> None:
    random = np.random.default_rng(seed)
    grey = random.integers(100, 100 + BLANK_SPREAD, (100, 100))
    specks = random.random((100, 100)) < random.uniform(0.01, 0.05)
    if seed % 2:  # all of them inside the border
        specks[:11], specks[-11:], specks[:, :11], specks[:, -11:] = False, False, False, False
    pixels = np.where(specks, random.integers(0, 256, (100, 100)), grey).astype(np.uint8)
    below = np.cumsum(np.bincount(pixels.ravel(), minlength=256)) / pixels.size
    blank = np.searchsorted(below, 0.99) - np.searchsorted(below, 0.01) < BLANK_SPREAD
    try:
        check_content(decoded(Image.fromarray(pixels)), 64)
    except BlankImage:
        assert blank
    else:
        assert not blank


def test_a_flat_image_passes() -> None:
    check_content(decoded(Image.fromarray(np.tile(np.linspace(100, 110, 100).astype(np.uint8), (100, 1)))), 64)


def test_few_grey_levels_give_a_warning() -> None:
    wedge = np.tile(np.linspace(0, 255, 300), (100, 1))
    rich = Image.fromarray(wedge.astype(np.uint8))
    poor = Image.fromarray((wedge // 8 * 8).astype(np.uint8))
    poor.paste(rich.crop((0, 0, 300, 9)), (0, 0))  # a scale or a label at the edge has more grey levels
    assert check_content(decoded(rich), 64).warnings == ()
    assert check_content(decoded(poor), 64).warnings == ("low_contrast",)
