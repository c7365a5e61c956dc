"""Add TIFF features that Pillow lacks (TIFF 6.0): more sample formats, and finding the pages that are images."""

import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile

NEW_SUBFILE_TYPE, OLD_SUBFILE_TYPE, BITS, PHOTOMETRIC, SAMPLE_FORMAT = 254, 255, 258, 262, 339
REDUCED_OR_MASK = 0b101
"""Bits of the new subfile type: a smaller version of another page, or its transparency mask."""
OLD_REDUCED = 2
WHITE_IS_ZERO = 0
SIGNED = 2
MOST_PAGES = 16
"""Maximum number of pages to examine. In a longer file every page counts as an image."""

_II, _MM = b"II", b"MM"
# (byte order, photometric, sample format, fill order, bits, extra samples) to (mode, raw mode), as in Pillow's table.
_FORMATS = {
    (_MM, 0, (1,), 1, (16,), ()): ("I;16B", "I;16B"),
    (_II, 0, (2,), 1, (16,), ()): ("I", "I;16S"),
    (_MM, 0, (2,), 1, (16,), ()): ("I", "I;16BS"),
    (_II, 0, (1,), 1, (32,), ()): ("I", "I;32N"),
    (_II, 0, (2,), 1, (32,), ()): ("I", "I;32S"),
    (_MM, 0, (1,), 1, (32,), ()): ("I", "I;32BS"),
    (_MM, 0, (2,), 1, (32,), ()): ("I", "I;32BS"),
    (_MM, 1, (1,), 1, (32,), ()): ("I", "I;32BS"),
    (_II, 0, (2,), 1, (8,), ()): ("L", "L"),
    (_MM, 0, (2,), 1, (8,), ()): ("L", "L"),
}
_NATIVE = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
"""libtiff returns samples in the machine's byte order, which Pillow takes into account only for unsigned samples."""


def allow_more_formats() -> None:
    """Make Pillow open formats that it rejects as an unknown pixel mode. Call this before a TIFF is opened."""
    from PIL import TiffImagePlugin  # imported when the first TIFF arrives: most images are not TIFF

    for key, modes in _FORMATS.items():
        TiffImagePlugin.OPEN_INFO.setdefault(key, modes)


def image_pages(image: ImageFile) -> list[int]:
    """Return the numbers of the pages that are neither thumbnails nor masks, or the first page if there are none. A
    file of more than MOST_PAGES pages is not examined: all its pages are returned."""
    count = int(getattr(image, "n_frames", 1))
    if count == 1 or count > MOST_PAGES:
        return list(range(count))
    found = []
    for page in range(count):
        image.seek(page)
        tags = image.tag_v2  # type: ignore[attr-defined]
        if not (int(tags.get(NEW_SUBFILE_TYPE, 0)) & REDUCED_OR_MASK or tags.get(OLD_SUBFILE_TYPE) == OLD_REDUCED):
            found.append(page)
    return found or [0]


def prepare(image: ImageFile) -> None:
    """Correct the byte order of an opened page. Call this before its pixels are loaded."""
    image.tile = [
        tile._replace(args=(_NATIVE.get(tile.args[0], tile.args[0]), *tile.args[1:]))
        if tile.codec_name == "libtiff" and isinstance(tile.args, tuple)
        else tile
        for tile in image.tile
    ]


def samples(image: ImageFile) -> NDArray[np.generic] | None:
    """Return the values [rows, columns] of a loaded page with their true sign if Pillow gets it wrong, else None.

    Pillow reads signed bytes as unsigned, and unsigned numbers of 32 bits as signed.
    """
    tags = image.tag_v2  # type: ignore[attr-defined]
    signed = tags.get(SAMPLE_FORMAT, (1,))[0] == SIGNED
    if image.mode == "L" and signed:
        return np.asarray(image).view(np.int8)
    if image.mode == "I" and not signed and tags.get(BITS) == (32,):
        return np.asarray(image).view(np.uint32)
    return None


def white_is_zero(image: ImageFile) -> bool:
    """Return True for a page whose lowest value is white, unless Pillow inverts it (up to 8 unsigned bits)."""
    tags = image.tag_v2  # type: ignore[attr-defined]
    deep = image.mode.startswith("I") or image.mode == "F" or tags.get(SAMPLE_FORMAT, (1,))[0] == SIGNED
    return bool(deep and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO)
