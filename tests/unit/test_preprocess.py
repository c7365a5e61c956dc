import numpy as np
import pytest
from PIL import Image

from pneumonia.preprocess import to_model_input


def test_shape_dtype_and_order_of_axes() -> None:
    image = Image.new("L", (300, 200), 7)
    result = to_model_input(image, height=20, width=30)
    assert (result.shape, result.dtype) == ((20, 30, 1), np.uint8)
    assert (result == 7).all()


def test_an_image_of_the_right_size_is_untouched(gradient: Image.Image) -> None:
    assert np.array_equal(to_model_input(gradient, 48, 64)[:, :, 0], np.asarray(gradient))


def test_the_whole_image_is_squashed_not_cropped() -> None:
    image = Image.new("L", (400, 100), 0)
    image.paste(255, (0, 0, 40, 100))  # the left tenth
    result = to_model_input(image, 100, 100)[:, :, 0]
    assert result[50, 5] == 255
    assert result[50, 15] == 0


def test_reduction_averages_instead_of_skipping() -> None:
    stripes = np.zeros((100, 100), np.uint8)
    stripes[:, ::2] = 200
    result = to_model_input(Image.fromarray(stripes), 10, 10)
    assert np.abs(result.astype(int) - 100).max() <= 10


@pytest.mark.parametrize("mode", ["RGB", "I;16", "F"])
def test_other_modes_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match="mode L"):
        to_model_input(Image.new(mode, (4, 4)), 4, 4)
