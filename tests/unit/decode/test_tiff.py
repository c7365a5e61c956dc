"""TIFF of sample formats that Pillow does not list, and of pages that are no films."""

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
def test_every_number_either_way_round(kind: Any, order: Literal["<", ">"], negative: bool, packed: bool) -> None:
    step = {"i1": 1, "u2": 200, "i2": 200, "u4": 2**24, "i4": 2**23, "f4": 0.5}[kind]
    offset = {"i1": -128, "i2": -30_000, "i4": -(2**30)}.get(kind, 0)
    values = (GREY * step + offset).astype(kind)
    image = decode(tiff(values, order, white_is_zero=negative, packed=packed), LIMITS)
    shown = np.asarray(image.pixels, int)
    assert np.abs((255 - shown if negative else shown) - GREY).max() <= 1
    assert image.inverted is negative


def pages(*kinds: int) -> bytes:
    """A TIFF of pages of these new subfile types, each darker than the one before."""
    films = []
    for place, kind in enumerate(kinds):
        image = Image.fromarray((GREY // (place + 1)).astype(np.uint8))
        tags = ImageFileDirectory_v2()
        tags[254] = kind
        image.encoderinfo = {"tiffinfo": tags}
        films.append(image)
    stream = io.BytesIO()
    films[0].save(stream, "TIFF", save_all=True, append_images=films[1:], tiffinfo=films[0].encoderinfo["tiffinfo"])
    return stream.getvalue()


@pytest.mark.parametrize(("kinds", "film"), [((0, 1), 0), ((1, 0), 1), ((0, 1, 4), 0), ((1, 1), 0)])
def test_thumbnails_and_masks_are_no_films(kinds: tuple[int, ...], film: int) -> None:
    image = decode(pages(*kinds), LIMITS)
    assert np.array_equal(np.asarray(image.pixels), GREY // (film + 1))
    assert image.warnings == ()


def test_two_films_are_two() -> None:
    with pytest.raises(MultiFrame, match="2 frames or pages"):
        decode(pages(0, 0, 1), LIMITS)


def test_a_big_tiff() -> None:
    stream = io.BytesIO()
    Image.fromarray((GREY * 16).astype(np.uint16)).save(stream, "TIFF", big_tiff=True)
    assert np.abs(np.asarray(decode(stream.getvalue(), LIMITS).pixels, int) - GREY).max() <= 1
