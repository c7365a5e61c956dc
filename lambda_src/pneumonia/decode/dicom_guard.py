"""Walk through the elements of a DICOM data set without keeping any, to protect pydicom from decompression bombs.

pydicom creates an object for every element and recurses into every nested sequence. Twenty megabytes of empty elements
would take gigabytes of memory. This walk only counts elements (DICOM PS3.5, chapter 7), and stops at the limits.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pneumonia.decode.limits import Limits
from pneumonia.errors import TooLarge, UndecodableImage

_PIECE = 2**23

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
PIXEL_DATA = (0x7FE0, 0x0010)
READ_SEQUENCES = ((0x0028, 0x3000), (0x0028, 0x3010))
"""Modality LUT and VOI LUT. They are read later, so the walk enters them even if the encoding does not mark them as
sequences."""

LONG_FORM = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
"""Value representations with a length of four bytes after two reserved ones (PS3.5, table 7.1-1)."""


def inflate(data: bytes, limits: Limits) -> bytes:
    """Decompress a raw deflate stream (PS3.5 A.5), up to the limit. Raises TooLarge, UndecodableImage.

    The first of two passes keeps nothing, so a stream over the limit costs no memory.
    """
    try:
        if sum(map(len, _pieces(data, limits))) > limits.max_inflated_bytes:
            raise TooLarge(
                f"The DICOM data set unpacks to more than {limits.max_inflated_bytes} bytes. Export a smaller image."
            )
        return b"".join(_pieces(data, limits))
    except zlib.error as error:
        raise UndecodableImage(
            "The deflated DICOM data set is damaged and cannot be unpacked. Export the image again."
        ) from error


def _pieces(data: bytes, limits: Limits) -> Iterator[bytes]:
    """Yield the decompressed stream, up to one piece beyond the limit."""
    stream, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while not stream.eof and total <= limits.max_inflated_bytes:
        piece = stream.decompress(data, _PIECE)
        total += len(piece)
        yield piece
        data = stream.unconsumed_tail
        if not piece and not data:
            return


@dataclass(frozen=True)
class Encoding:
    """How elements are encoded: without (implicit) or with their value representation, and in which byte order."""

    implicit: bool
    big_endian: bool = False

    @classmethod
    def of(cls, data: bytes, start: int, big_endian: bool = False) -> "Encoding":
        """Detect the encoding from the first element, as pydicom does, because some files declare a wrong encoding."""
        return cls(not data[start + 4 : start + 6].isalpha() or not data[start + 4 : start + 6].isupper(), big_endian)


def check_elements(data: bytes, start: int, encoding: Encoding, limits: Limits, *, group: int | None = None) -> int:
    """Count the elements from `start` on, including those in sequences, and return where the walk ended.

    `group`: stop before the first element of another group. A data set that ends in the middle of an element passes
    here; pydicom reports it. Raises TooLarge.
    """
    open_containers: list[Encoding] = []  # for each sequence and item of undefined length, the encoding around it
    position, count, fragments = start, 0, False
    order = ">" if encoding.big_endian else "<"
    while position + 8 <= len(data):
        tag = struct.unpack_from(f"{order}HH", data, position)
        if group is not None and tag[0] != group:
            break
        count += 1
        if count > limits.max_dicom_elements:
            raise TooLarge(
                f"The DICOM file contains more than {limits.max_dicom_elements} elements. "
                "Export it without private elements, or as PNG."
            )
        kind, header, length = _header(data, position, tag, encoding, order)
        position += header
        if tag == SEQUENCE_END:
            fragments = False
        if tag in (ITEM_END, SEQUENCE_END):
            encoding = open_containers.pop() if open_containers else encoding
        elif length == UNDEFINED:
            open_containers.append(encoding)
            if len(open_containers) > 2 * limits.max_dicom_nesting:
                raise TooLarge(
                    f"The DICOM file nests sequences more than {limits.max_dicom_nesting} levels deep. "
                    "Export it without private elements, or as PNG."
                )
            fragments = tag == PIXEL_DATA
            # The content of an element of unknown representation (UN) is in implicit encoding (PS3.5, 6.2.2).
            encoding = Encoding(True) if kind == b"UN" else encoding
        elif fragments or not (kind == b"SQ" or tag == ITEM or (encoding.implicit and tag in READ_SEQUENCES)):
            position += length
    return position


def _header(data: bytes, position: int, tag: tuple[int, int], encoding: Encoding, order: str) -> tuple[bytes, int, int]:
    """Return the value representation (empty if there is none), the bytes of the header, and the value's length."""
    if tag[0] == 0xFFFE or encoding.implicit:
        return b"", 8, struct.unpack_from(f"{order}I", data, position + 4)[0]
    kind = data[position + 4 : position + 6]
    if kind not in LONG_FORM:
        return kind, 8, struct.unpack_from(f"{order}H", data, position + 6)[0]
    if position + 12 > len(data):
        return kind, 12, 0
    return kind, 12, struct.unpack_from(f"{order}I", data, position + 8)[0]
