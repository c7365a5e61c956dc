"""Decode both bytes of 16-bit colour by reading the image twice, because Pillow keeps only the high bytes.

The high bytes of a 12-bit image in a 16-bit file have only 16 grey levels.
"""

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile

_SWAPPED = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
"""For each byte order in Pillow's raw modes, the byte order that makes Pillow read the low byte as the high byte."""
_COLOURS = frozenset({"RGB;16", "RGBA;16", "RGBX;16"})
_GREY_WITH_ALPHA = "LA;16B"
_WEIGHTS = (0.299, 0.587, 0.114)

BYTES_PER_PIXEL = 24
"""Estimated memory: two images of four bytes, one byte for each of up to eight channels, and two float32 arrays.

Temporary arrays need up to eight bytes more for a short time. They are not counted here: 16-bit colour is decoded in
the decoder process, which has its own memory limit (`Limits.max_child_bytes`).
"""


def raw_mode(image: ImageFile) -> str:
    """Return Pillow's raw mode of an opened image. It says how the samples are stored; it is empty if there is none."""
    if not image.tile:
        return ""
    args = image.tile[0].args
    return args if isinstance(args, str) else str(args[0]) if args else ""


def is_deep_colour(image: ImageFile) -> bool:
    """Return whether an opened image that is not loaded yet has 16-bit colour, or 16-bit grey with alpha."""
    mode = raw_mode(image)
    return mode == _GREY_WITH_ALPHA or mode[:-1] in _COLOURS


def deep_grey(image: ImageFile, again: Callable[[], ImageFile]) -> NDArray[np.float32]:
    """Return the luma (ITU-R 601-2) of an image over a black background: float32 [rows, columns], 0..65535.

    `image` must be opened and not loaded. `again` opens the same image again.
    """
    mode = raw_mode(image)
    if mode == _GREY_WITH_ALPHA:
        _read_as(image, "RGBA")
        high_grey, low_grey, high_alpha, low_alpha = _channels(image)
        grey, alpha = _joined(high_grey, low_grey), _joined(high_alpha, low_alpha)
        return grey * (alpha / np.float32(65535))
    with again() as other:
        _read_as(other, mode[:-1] + _SWAPPED[mode[-1]])
        high, low = _channels(image), _channels(other)
    grey = np.zeros(high[0].shape, np.float32)
    for weight, more, less in zip(_WEIGHTS, high[:3], low[:3], strict=True):
        grey += np.float32(weight) * _joined(more, less)
    if mode.startswith("RGBA"):
        grey *= _joined(high[3], low[3]) / np.float32(65535)
    return grey


def _read_as(image: ImageFile, mode: str) -> None:
    image.tile = [
        tile._replace(args=(mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode) for tile in image.tile
    ]


def _channels(image: ImageFile) -> list[NDArray[np.uint8]]:
    return [np.asarray(channel) for channel in image.split()]


def _joined(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> NDArray[np.float32]:
    return high.astype(np.float32) * 256 + low
