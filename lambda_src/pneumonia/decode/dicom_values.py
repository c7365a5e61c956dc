"""Limit what pydicom parses. It creates an object for every element, and for every value that is accessed.

The walk in `dicom_guard` follows the encoding of the standard, while pydicom also accepts files that break it. A file
can therefore have few elements for the walk and millions for pydicom. The bounds in this module limit pydicom itself.
"""

import io
import math
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pneumonia.decode.limits import Limits
from pneumonia.errors import TooLarge, UndecodableImage

READS_PER_ELEMENT = 4
"""pydicom reads an element in up to four parts: its header, the long form of its length, a look ahead, its value."""

VALUE_GROUPS = frozenset({0x0002, 0x0008, 0x0010, 0x0018, 0x0020, 0x0028, 0x7FE0})
"""Groups of the elements that this package accesses."""

MAX_VALUE_BYTES = 2**18
"""Limit for one element. The longest in use is a lookup table of 65,536 entries of two bytes, with its sequence."""

FREE_LENGTH = frozenset({0x00282000, 0x7FE00010})
"""Elements without this limit: the ICC profile, which is never accessed, and the pixels, which have other limits."""

ITEM = b"\xfe\xff\x00\xe0"
MAX_OFFSETS = 1024
"""Entries that a basic offset table may have beyond the number of frames."""


class CountedReads(io.BytesIO):
    """A byte stream that allows the reads that the permitted number of elements needs. More reads raise TooLarge."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        super().__init__(data)
        self._most = limits.max_dicom_elements
        self._left = READS_PER_ELEMENT * self._most

    def read(self, size: int | None = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise TooLarge(
                f"The DICOM file contains more than {self._most} elements. "
                "Export it without private elements, or as PNG."
            )
        return super().read(size)


def check_values(dataset: Dataset) -> None:
    """Check the lengths of all values before any is parsed. Raises TooLarge."""
    for element in dataset.elements():
        if element.tag.group not in VALUE_GROUPS or element.tag in FREE_LENGTH:
            continue
        value = element.value
        if isinstance(value, Sequence):
            for item in value:
                check_values(item)
        elif isinstance(value, bytes) and len(value) > MAX_VALUE_BYTES:
            raise TooLarge(
                f"An element of the DICOM header has more than {MAX_VALUE_BYTES} bytes. "
                "Export it without this element, or as PNG."
            )


def check_fragments(pixel_data: bytes, frames: int, limits: Limits) -> None:
    """Bound the number of fragments of compressed pixels, and the length of their offset table (PS3.5, A.4).

    Raises TooLarge, UndecodableImage.
    """
    if not pixel_data.startswith(ITEM):
        raise UndecodableImage(
            "The compressed pixels of the DICOM file are damaged: they are not in fragments. Export the image again."
        )
    if int.from_bytes(pixel_data[4:8], "little") > 4 * (frames + MAX_OFFSETS):
        raise TooLarge("The offset table of the DICOM file is longer than its frames need. Export the image again.")
    if pixel_data.count(ITEM) > limits.max_dicom_elements:
        raise TooLarge(
            f"The pixels of the DICOM file are in more than {limits.max_dicom_elements} fragments. "
            "Export the image again, uncompressed or as PNG."
        )


def number(value: Any) -> float | None:
    """Return the first number of a header value, even if it has a decimal comma; None if there is no number."""
    if not isinstance(value, str | float | int):
        try:
            value = value[0]
        except (TypeError, IndexError):
            return None
    try:
        found = float(str(value).strip().replace(",", "."))
    except ValueError:
        return None
    return found if math.isfinite(found) else None
