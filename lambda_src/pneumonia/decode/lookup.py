"""Read lookup tables of DICOM images (modality and VOI LUT, PS3.3 C.11.1.1 and C.11.2.1.1) by their content.

The descriptors of the tables are often wrong. They declare 16 bits for entries of 12 bits, or the wrong sign for the
first value. Entries of 8 bits are stored either two to a word or one to a word.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pneumonia.decode.strips import STRIP_VALUES


@dataclass(frozen=True)
class Table:
    """`entries`: uint16, for the values from `first` on. `bits`: bits of an entry, as the descriptor declares."""

    first: int
    entries: NDArray[np.uint16]
    bits: int

    def look_up(self, values: NDArray[Any]) -> NDArray[np.uint16]:
        """Return the entries for `values` [rows, columns]. Values outside the table get its first or last entry."""
        first = self.first
        if first >= 2**15 and values.max(initial=0) < first:
            first -= 2**16  # a negative number that was read without its sign
        found = np.empty(values.shape, np.uint16)
        rows = max(1, STRIP_VALUES // max(1, values[:1].size))
        for top in range(0, len(values), rows):  # in strips, so that intermediate values take little memory
            index = np.clip(np.rint(values[top : top + rows].astype(np.float32)) - first, 0, self.entries.size - 1)
            found[top : top + rows] = self.entries[index.astype(np.int32)]
        return found


def table_of(sequence: Any, *, big_endian: bool) -> Table | None:
    """Return the first table of a LUT sequence, or None if it has no readable table.

    DICOM leaves the choice among several tables to the reader of the image. Viewers show the first one by default.
    """
    if not sequence:
        return None
    item: Dataset = sequence[0]
    descriptor, data = item.get("LUTDescriptor"), item.get("LUTData")
    if descriptor is None or len(descriptor) != 3 or not data:
        return None
    count, first, bits = (int(number) for number in descriptor)
    entries = _entries(data, count & 0xFFFF or 2**16, bits, big_endian)
    return Table(first, entries.astype(np.uint16), bits) if entries.size and 1 <= bits <= 16 else None


def _entries(data: Any, count: int, bits: int, big_endian: bool) -> NDArray[Any]:
    """Return at most `count` entries. If there are fewer words than entries of 8 bits, each word holds two."""
    if isinstance(data, bytes):
        words = np.frombuffer(data[: len(data) // 2 * 2], ">u2" if big_endian else "<u2").astype("<u2")
    else:
        words = np.atleast_1d(np.asarray(data)).astype("<u2")
    packed = bits <= 8 and words.size < count
    return (words.view(np.uint8) if packed else words)[:count]
