"""Decode JPEG with 12 bits per sample (ITU-T T.81, the extended process), as old archives store it.

The usual decoder of JPEG in DICOM fails on most of these files. Pillow includes libjpeg-turbo, which can decode them.
Pillow's JPEG plugin uses it for 8 bits only, but Pillow's libtiff also uses it for 12. This module therefore puts the
header of a TIFF with one strip before the stream.
"""

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pneumonia.decode.jpeg_header import JpegHeader
from pneumonia.errors import UndecodableImage

BITS = 12

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIP, _ROWS, _BYTES = 256, 257, 258, 259, 262, 273, 278, 279
_JPEG, _BLACK_IS_ZERO = 7, 1
_LONG = 4
_END = b"\xff\xd9"
_PADDING = 16
"""Maximum number of bytes after the end of a stream."""


def decode_12_bits(stream: bytes, header: JpegHeader) -> NDArray[np.uint16]:
    """Decode a grey stream with the given header to uint16 [rows, columns], 0..4095.

    Raises UndecodableImage for a stream without an end marker (libjpeg would fill the missing part with grey), and what
    Pillow raises for a damaged stream.
    """
    if _END not in stream[-_PADDING:]:
        raise UndecodableImage(
            "The JPEG in the DICOM file has no end marker: it is truncated or damaged. Send the whole file again."
        )
    tags = {
        _WIDTH: header.columns,
        _LENGTH: header.rows,
        _BITS: BITS,
        _COMPRESSION: _JPEG,
        _PHOTOMETRIC: _BLACK_IS_ZERO,
        _STRIP: 0,
        _ROWS: header.rows,
        _BYTES: len(stream),
    }
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    tags[_STRIP] = len(head) + 12 * len(tags) + 4
    directory = b"".join(struct.pack("<HHII", tag, _LONG, 1, value) for tag, value in tags.items())
    with Image.open(io.BytesIO(head + directory + bytes(4) + stream), formats=["TIFF"]) as image:
        return np.asarray(image, dtype=np.uint16)
