"""TIFF with sample formats that Pillow does not list, and with pages that are not images."""

import io
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.errors import MultiFrame
from tests.deep_films import tiff

LIMITS = Limits()
GREY = np.random.default_rng(0).integers(0, 256, (70, 80))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["i1", "u2", "i2", "u4", "i4", "f4"])
def test_every_sample_format(kind: Any, order: Literal["<", ">"], negative: bool, packed: bool) -> None:
    step = {"i1": 1, "u2": 200, "i2": 200, "u4": 2**24, "i4": 2**23, "f4": 0.5}[kind]
    offset = {"i1": -128, "i2": -30_000, "i4": -(2**30)}.get(kind, 0)
    values = (GREY * step + offset).astype(kind)
    image = decode(tiff(values, order, white_is_zero=negative, packed=packed), LIMITS)
    shown = np.asarray(image.pixels, int)
    assert np.abs((255 - shown if negative else shown) - GREY).max() <= 1
    assert image.inverted is negative


def pages(*kinds: int) -> bytes:
    """Return a TIFF with pages of these new subfile types, each darker than the one before."""
    images = []
    for place, kind in enumerate(kinds):
        image = Image.fromarray((GREY // (place + 1)).astype(np.uint8))
        tags = ImageFileDirectory_v2()
        tags[254] = kind
        image.encoderinfo = {"tiffinfo": tags}
        images.append(image)
    stream = io.BytesIO()
    images[0].save(stream, "TIFF", save_all=True, append_images=images[1:], tiffinfo=images[0].encoderinfo["tiffinfo"])
    return stream.getvalue()


@pytest.mark.parametrize(("kinds", "expected"), [((0, 1), 0), ((1, 0), 1), ((0, 1, 4), 0), ((1, 1), 0)])
def test_thumbnails_and_masks_are_not_images(kinds: tuple[int, ...], expected: int) -> None:
    image = decode(pages(*kinds), LIMITS)
    assert np.array_equal(np.asarray(image.pixels), GREY // (expected + 1))
    assert image.warnings == ()


def test_a_file_of_two_images_is_refused() -> None:
    with pytest.raises(MultiFrame, match="2 frames or pages"):
        decode(pages(0, 0, 1), LIMITS)


def test_a_big_tiff() -> None:
    stream = io.BytesIO()
    Image.fromarray((GREY * 16).astype(np.uint16)).save(stream, "TIFF", big_tiff=True)
    assert np.abs(np.asarray(decode(stream.getvalue(), LIMITS).pixels, int) - GREY).max() <= 1
