import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from pneumonia.model.png import rgb_png, tagged


def opened(png: bytes) -> PngImageFile:
    image = Image.open(io.BytesIO(png))
    assert isinstance(image, PngImageFile)
    image.load()
    return image


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (37, 61), (548, 512)])
def test_readers_get_back_the_written_pixels(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (*size, 3), dtype=np.uint8)
    image = opened(rgb_png(pixels))
    assert (image.mode, image.text) == ("RGB", {})
    assert np.array_equal(np.asarray(image), pixels)


def test_pixels_need_not_be_contiguous_in_memory() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (20, 30, 4), dtype=np.uint8)[::2, ::-1, :3]
    assert np.array_equal(np.asarray(opened(rgb_png(pixels))), pixels)


def test_every_checksum_is_right() -> None:
    Image.open(io.BytesIO(rgb_png(np.zeros((9, 9, 3), np.uint8), {"Lungs": "1 1 ff"}))).verify()


def test_texts_are_kept_by_keyword() -> None:
    image = opened(rgb_png(np.zeros((2, 2, 3), np.uint8), {"Lungs": "3 2 0080ff", "Other": "é"}))
    assert image.text == {"Lungs": "3 2 0080ff", "Other": "é"}


def test_a_tag_changes_the_file_but_not_its_pixels() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    png = rgb_png(pixels)
    one, other = tagged(png, "5f1e4a0e"), tagged(png, "6f0b4c57")
    assert len({png, one, other}) == 3
    assert opened(one).text == {"Source": "5f1e4a0e"}
    assert np.array_equal(np.asarray(opened(one)), pixels)
    Image.open(io.BytesIO(one)).verify()


def test_files_of_other_writers_can_be_tagged() -> None:
    stream = io.BytesIO()
    Image.linear_gradient("L").save(stream, "PNG")
    assert opened(tagged(stream.getvalue(), "5f1e4a0e")).text == {"Source": "5f1e4a0e"}
