"""Write PNG files of RGB pictures, with texts, faster than Pillow.

Pillow tries all five PNG filters on each row, which takes longer than compressing the rows. This module always filters
a row by the row above, and compresses with ISA-L. A heatmap of 512 x 548 pixels takes 1.9 ms instead of 15 ms, and the
file is no larger (docs/performance.md).
"""

import struct
import zlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END_BYTES = 12  # the last chunk of every PNG has a length, a name and a checksum, but no data
_EIGHT_BITS, _RGB = 8, 2
_UP = 2  # the filter that stores the difference from the row above (PNG specification, section 9)
_LEVEL = 1  # from ISA-L's levels 0 to 3; level 2 takes as long and saves 0.5%


def rgb_png(pixels: npt.NDArray[np.uint8], texts: Mapping[str, str] | None = None) -> bytes:
    """Return the PNG of a picture, uint8 [H, W, 3]. `texts` (Latin-1) are stored by keyword; viewers hide them."""
    # Imported here: a prediction without a heatmap needs no encoder.
    from isal import isal_zlib

    height, width, _ = pixels.shape
    rows = np.ascontiguousarray(pixels).reshape(height, 3 * width)
    filtered = np.empty((height, 1 + 3 * width), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, _EIGHT_BITS, _RGB, 0, 0, 0)),
            *(_text_chunk(keyword, text) for keyword, text in (texts or {}).items()),
            _chunk(b"IDAT", isal_zlib.compress(filtered, _LEVEL)),
            _chunk(b"IEND", b""),
        )
    )


def tagged(png: bytes, text: str) -> bytes:
    """Add a text (Latin-1) to a PNG, so that equal pictures of two uploads become different files.

    This is needed where a file is identified by its content, as by an ETag. Viewers do not show the text. It is stored
    before the last chunk of the file.
    """
    return png[:-_END_BYTES] + _text_chunk("Source", text) + png[-_END_BYTES:]


def _text_chunk(keyword: str, text: str) -> bytes:
    """Return a text chunk (PNG specification, section 11.3.3.3)."""
    return _chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + text.encode("latin-1"))


def _chunk(name: bytes, data: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(data)), name, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(name)))))
