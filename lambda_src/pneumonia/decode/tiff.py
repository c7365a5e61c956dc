"""What Pillow leaves out of TIFF (TIFF 6.0): sample formats that it does not list, and which page is the film."""

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
"""Pages that are looked at for what they are."""

_II, _MM = b"II", b"MM"
# (byte order, photometric, sample format, fill order, bits, extra samples) to (mode, raw mode), like Pillow's own.
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
"""libtiff hands out samples in the machine's byte order, which Pillow minds for unsigned ones only."""


def allow_more_formats() -> None:
    """Let Pillow open what it would call an unknown pixel mode. To be called before a TIFF is opened."""
    from PIL import TiffImagePlugin  # when the first TIFF arrives: most films are none

    for key, modes in _FORMATS.items():
        TiffImagePlugin.OPEN_INFO.setdefault(key, modes)


def film_pages(image: ImageFile) -> list[int]:
    """The numbers of the pages that are pictures of their own: no thumbnails and no masks, unless there is nothing
    else. Of a file of very many pages all of them."""
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
    """Put the byte order of an opened page right. To be called before its pixels are loaded."""
    image.tile = [
        tile._replace(args=(_NATIVE.get(tile.args[0], tile.args[0]), *tile.args[1:]))
        if tile.codec_name == "libtiff" and isinstance(tile.args, tuple)
        else tile
        for tile in image.tile
    ]


def samples(image: ImageFile) -> NDArray[np.generic] | None:
    """The values of a loaded page that Pillow has as other numbers than they are, [rows, columns]; None of any other.

    Signed bytes come as unsigned ones, unsigned numbers of 32 bits as signed ones.
    """
    tags = image.tag_v2  # type: ignore[attr-defined]
    signed = tags.get(SAMPLE_FORMAT, (1,))[0] == SIGNED
    if image.mode == "L" and signed:
        return np.asarray(image).view(np.int8)
    if image.mode == "I" and not signed and tags.get(BITS) == (32,):
        return np.asarray(image).view(np.uint32)
    return None


def white_is_zero(image: ImageFile) -> bool:
    """True for a page whose lowest value is white: Pillow turns those of 8 unsigned bits and fewer itself."""
    tags = image.tag_v2  # type: ignore[attr-defined]
    deep = image.mode.startswith("I") or image.mode == "F" or tags.get(SAMPLE_FORMAT, (1,))[0] == SIGNED
    return bool(deep and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO)
