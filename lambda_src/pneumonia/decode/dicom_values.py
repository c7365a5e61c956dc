"""What pydicom may be given to take apart: it makes an object of every element, and of every value it is asked for.

The walk in `dicom_guard` follows the encoding as the standard has it. pydicom forgives more than that, so a file can
show the one a few elements and the other millions; these bounds hold whatever either of them reads into it.
"""

import io
import math
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pneumonia.decode.limits import Limits
from pneumonia.errors import TooLarge, UndecodableImage

READS_PER_ELEMENT = 4
"""Header, its long form, a look ahead, and the value."""

VALUE_GROUPS = frozenset({0x0002, 0x0008, 0x0010, 0x0018, 0x0020, 0x0028, 0x7FE0})
"""Groups of which elements are asked for."""

MAX_VALUE_BYTES = 2**18
"""Of one element: a lookup table of 65,536 entries of two bytes, and its sequence, are the longest in use."""

FREE_LENGTH = frozenset({0x00282000, 0x7FE00010})
"""The ICC profile, which nobody asks for, and the pixels, which have limits of their own."""

ITEM = b"\xfe\xff\x00\xe0"
MAX_OFFSETS = 1024
"""Entries of a basic offset table beyond the number of frames."""


class CountedReads(io.BytesIO):
    """Bytes that can be read so often as the permitted number of elements takes. Raises TooLarge."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        super().__init__(data)
        self._most = limits.max_dicom_elements
        self._left = READS_PER_ELEMENT * self._most

    def read(self, size: int | None = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise TooLarge(f"The DICOM file holds more than {self._most} elements.")
        return super().read(size)


def check_values(dataset: Dataset) -> None:
    """Look at the lengths of the values, before any is taken apart. Raises TooLarge."""
    for element in dataset.elements():
        if element.tag.group not in VALUE_GROUPS or element.tag in FREE_LENGTH:
            continue
        value = element.value
        if isinstance(value, Sequence):
            for item in value:
                check_values(item)
        elif isinstance(value, bytes) and len(value) > MAX_VALUE_BYTES:
            raise TooLarge(f"An element of the DICOM header has more than {MAX_VALUE_BYTES} bytes.")


def check_fragments(pixel_data: bytes, frames: int, limits: Limits) -> None:
    """Bound what compressed pixels consist of (PS3.5, A.4): fragments, and the table of where frames begin.

    Raises TooLarge, UndecodableImage.
    """
    if not pixel_data.startswith(ITEM):
        raise UndecodableImage(
            "The compressed pixels of the DICOM file are damaged: they are not in fragments. Export it again."
        )
    if int.from_bytes(pixel_data[4:8], "little") > 4 * (frames + MAX_OFFSETS):
        raise TooLarge("The offset table of the DICOM file is longer than its frames need. Export the film again.")
    if pixel_data.count(ITEM) > limits.max_dicom_elements:
        raise TooLarge(f"The pixels of the DICOM file are in more than {limits.max_dicom_elements} fragments.")


def number(value: Any) -> float | None:
    """The first of a header's decimal numbers, also where it has a decimal comma; None where there is none."""
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
