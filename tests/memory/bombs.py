"""Small files that made, or could have made, a library allocate gigabytes. Each name gives the cause."""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSLossless

from tests.memory.headers import (
    bmp,
    chunk,
    codestream,
    deflated_dicom,
    dicom,
    exif,
    jpeg,
    jpeg_ls,
    jpeg_segment,
    png,
    tiff,
    webp,
)
from tests.unit.decode.jpeg12_writer import jpeg12

SIDE, MOST = 7000, 49_000_000
"""Sizes just within the pixel limit: the side of a square image, and the height of an image one pixel wide."""


def exif_in_jpeg(entries: int, segments: int) -> bytes:
    """Return the segments of one large EXIF block. Pillow joins EXIF segments before it reads them."""
    block = exif(entries, 65_500 * segments - 12 * entries - 14)
    pieces = [block[start : start + 65_500] for start in range(0, len(block), 65_500)]
    return b"".join(jpeg_segment(0xE1, b"Exif\0\0" + piece) for piece in pieces)


def palette_dicom() -> bytes:
    table = struct.pack("<256H", *range(256))
    elements: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        elements[f"{colour}PaletteColorLookupTableData"] = table
    return deflated_dicom((5500, 5500), bits=8, **elements)


OF_12_BITS: dict[str, Any] = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}


def jpeg_12_bits(width: int, height: int) -> bytes:
    """Return a 12-bit JPEG whose header states a wrong size."""
    stream = bytearray(jpeg12(np.full((64, 64), 2048, np.uint16)))
    struct.pack_into(">HH", stream, stream.index(b"\xff\xc1") + 5, height, width)
    return bytes(stream)


BOMBS: dict[str, Callable[[], bytes]] = {
    "png_grey_alpha": lambda: png(SIDE, SIDE, colour=4),
    "png_rgba": lambda: png(SIDE, SIDE, colour=6),
    "png_deep": lambda: png(SIDE, SIDE, depth=16),
    "png_tall_grey": lambda: png(1, MOST),
    "png_tall_grey_alpha": lambda: png(1, MOST, colour=4),
    "png_tall_rgba": lambda: png(1, MOST, colour=6),
    "png_tall_deep": lambda: png(1, MOST, depth=16),
    "png_wide_rgba": lambda: png(MOST, 1, colour=6),
    "png_exif": lambda: png(64, 64, extra=chunk(b"eXIf", exif(60_000, 100_000))),
    "png_chunks": lambda: png(64, 64, extra=chunk(b"prVt", b"") * 1_600_000),
    "jpeg_progressive": lambda: jpeg(SIDE, SIDE, progressive=True),
    "jpeg_tall": lambda: jpeg(700, 65_500, progressive=True),
    "jpeg_exif": lambda: jpeg(64, 64, segments=exif_in_jpeg(20_000, 20)),
    "tiff_tall": lambda: tiff(1, MOST, rows_per_strip=MOST),
    "tiff_strips": lambda: tiff(800, 60_000, rows_per_strip=1, samples=4),
    "tiff_tile": lambda: tiff(96, 96, samples=4, tile=(22_000, 22_000)),
    "tiff_float": lambda: tiff(SIDE, SIDE, bits=32, float_values=True),
    "webp": lambda: webp(7000, 7000),
    "webp_tall": lambda: webp(3000, 16_383),
    "bmp_rgba": lambda: bmp(SIDE, SIDE, bits=32),
    "bmp_tall": lambda: bmp(1, -MOST),
    "dicom_precincts": lambda: dicom(codestream(5300, 5300, precinct=(1, 1)), size=(5300, 5300)),
    "dicom_code_blocks": lambda: dicom(codestream(5300, 5300, block=(2, 2)), size=(5300, 5300)),
    "dicom_tiles": lambda: dicom(codestream(5300, 5300, tile=(32, 32)), size=(5300, 5300)),
    "dicom_layers": lambda: dicom(codestream(5300, 5300, layers=65_535), size=(5300, 5300)),
    "dicom_hidden": lambda: dicom(codestream(64, 64), hidden=codestream(40_000, 40_000)),
    "dicom_hidden_jpeg": lambda: dicom(
        jpeg(64, 64, colour=False), JPEGBaseline8Bit, hidden=jpeg(65_500, 65_500, colour=False)
    ),
    "dicom_jpeg_ls": lambda: dicom(jpeg_ls(5300, 5300), JPEGLSLossless, (5300, 5300)),
    "dicom_jpeg_12_bits": lambda: dicom(jpeg_12_bits(5300, 5300), JPEGExtended12Bit, (5300, 5300), **OF_12_BITS),
    "dicom_rescale": lambda: deflated_dicom((5300, 5300), RescaleSlope=1.5, RescaleIntercept=-10),
    "dicom_palette": palette_dicom,
}

PLAIN: dict[str, Callable[[], bytes]] = {
    "png_grey": lambda: png(6600, 6600),
    "png_colour": lambda: png(4000, 4000, colour=2),
    "png_palette": lambda: png(6600, 6600, colour=3),
    "png_narrow": lambda: png(64, 200_000, colour=2),
    "jpeg_grey": lambda: jpeg(SIDE, SIDE, colour=False),
    "jpeg_colour": lambda: jpeg(SIDE, SIDE),
    "jpeg_colour_progressive": lambda: jpeg(4000, 4000, progressive=True),
    "jpeg_narrow": lambda: jpeg(64, 65_500),
}
"""Large images that are decoded in the function's process."""
