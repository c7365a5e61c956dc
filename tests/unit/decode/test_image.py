import numpy as np
import pytest
from PIL import Image

from pneumonia.decode import check_content
from pneumonia.decode.image import scale_to_grey
from pneumonia.errors import BlankImage, TooSmall


def test_scaling_clips_and_rounds() -> None:
    assert scale_to_grey(np.array([0, 10, 15, 20, 99]), 10, 20).tolist() == [0, 0, 128, 255, 255]


def test_without_a_range_there_is_only_black() -> None:
    assert scale_to_grey(np.array([7, 7]), 7, 7).tolist() == [0, 0]


@pytest.mark.parametrize("size", [(63, 500), (500, 63), (1, 1)])
def test_a_thumbnail_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(TooSmall, match="at least 64"):
        check_content(Image.linear_gradient("L").resize(size), 64)


def test_the_smallest_film_passes() -> None:
    check_content(Image.linear_gradient("L").resize((64, 64)), 64)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_one_grey_is_refused_even_with_a_speck_of_dust(grey: int) -> None:
    image = Image.new("L", (100, 100), grey)
    image.paste(255 - grey, (0, 0, 9, 9))  # less than a hundredth of the picture
    with pytest.raises(BlankImage):
        check_content(image, 64)


def test_a_flat_film_passes() -> None:
    check_content(Image.fromarray(np.tile(np.linspace(100, 110, 100).astype(np.uint8), (100, 1))), 64)
