"""16-bit colour in PNG and TIFF, with an image of 12 bits in it."""

import io
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.errors import TooLarge
from tests.deep_films import png, tiff

GREY = np.random.default_rng(0).integers(0, 256, (70, 80))
DEEP = (GREY * 16 + 3).astype(np.uint16)
COLOUR = np.stack([DEEP] * 3, axis=-1)


def shown(data: bytes) -> np.ndarray:
    return np.asarray(decode(data, Limits()).pixels, int)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_an_image_of_12_bits_in_a_png_of_16(channels: int) -> None:
    grey = DEEP[..., np.newaxis]
    opaque = np.full_like(grey, 65_535)
    values = np.concatenate([grey] * (3 if channels > 2 else 1) + [opaque] * (channels % 2 == 0), axis=-1)
    assert np.abs(shown(png(values.squeeze())) - GREY).max() <= 1


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_an_image_of_12_bits_in_a_tiff_of_16(order: Literal["<", ">"], packed: bool) -> None:
    assert np.abs(shown(tiff(COLOUR, order, packed=packed)) - GREY).max() <= 1


def test_colours_are_weighted() -> None:
    green = COLOUR.copy()
    green[:, :40, [0, 2]] = 0
    assert shown(png(green))[:, :40].mean() == pytest.approx(0.587 * GREY[:, :40].mean(), rel=0.05)


@pytest.mark.parametrize("channels", [2, 4])
def test_transparent_parts_are_black(channels: int) -> None:
    values = np.stack([DEEP] * channels, axis=-1)
    values[..., -1] = 65_535
    values[:20, :, -1] = 0
    assert shown(png(values))[:20].max() == 0
    assert np.abs(shown(png(values))[20:] - GREY[20:]).max() <= 1


def test_it_takes_more_memory_than_8_bits() -> None:
    with pytest.raises(TooLarge, match="of memory when decoded"):
        decode(png(COLOUR), Limits(max_decoded_bytes=20 * DEEP.size))


def test_a_rotated_image_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    data = png(COLOUR)
    with Image.open(io.BytesIO(data)) as image:
        image.convert("L").save(stream, "PNG", exif=exif)
    block = stream.getvalue()
    place = block.index(b"eXIf") - 4
    size = int.from_bytes(block[place : place + 4], "big") + 12
    end = data.index(b"IDAT") - 4
    decoded = decode(data[:end] + block[place : place + size] + data[end:], Limits())
    assert (decoded.width, decoded.height) == (70, 80)
    assert np.abs(np.rot90(np.asarray(decoded.pixels, int)) - GREY).max() <= 1
