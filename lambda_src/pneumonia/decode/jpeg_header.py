"""Read the size of a JPEG or JPEG-LS stream from its frame header (ITU-T T.81, B.2.2), before a decoder allocates
memory for it.

Reading the size with libjpeg would take as much memory as decoding.
"""

import struct
from dataclasses import dataclass

from pneumonia.errors import UndecodableImage

SOI, SOS, EXTENDED, DHP, EXP = 0xD8, 0xDA, 0xC1, 0xDE, 0xDF
FRAMES = frozenset({0xC0, EXTENDED, 0xC2, 0xC3, 0xF7})
"""Baseline, extended, progressive, lossless (Huffman), and JPEG-LS."""
OTHER_FRAMES = frozenset({0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, DHP, EXP})
"""Hierarchical and arithmetic frames, which no DICOM transfer syntax in use allows."""
ALONE = frozenset({0x01, SOI, *range(0xD0, 0xD8)})
"""Markers without a segment."""


@dataclass(frozen=True)
class JpegHeader:
    """`precision`: bits per sample. `marker`: second byte of the frame header's marker."""

    marker: int
    precision: int
    rows: int
    columns: int
    components: int


def read_jpeg_header(stream: bytes) -> JpegHeader:
    """Return the only frame header before the first scan. Raises UndecodableImage."""
    found, position = None, 0
    while position + 4 <= len(stream) and stream[position] == 0xFF:
        marker = stream[position + 1]
        if marker == 0xFF or marker in ALONE:  # fill bytes may precede a marker
            position += 1 if marker == 0xFF else 2
            continue
        if marker == SOS:
            break
        if marker in OTHER_FRAMES or (marker in FRAMES and found is not None):
            raise UndecodableImage(
                "The JPEG in the DICOM file is of an unsupported kind. Export it uncompressed, or as JPEG 2000."
            )
        if marker in FRAMES and position + 10 <= len(stream):
            found = JpegHeader(marker, *struct.unpack_from(">BHHB", stream, position + 4))
        position += 2 + int.from_bytes(stream[position + 2 : position + 4], "big")
    if found is None:
        raise UndecodableImage(
            "The JPEG in the DICOM file has no frame header: it is truncated or damaged. Export the image again."
        )
    return found
