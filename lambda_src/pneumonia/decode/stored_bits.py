"""Where in its cell a stored value lies (DICOM PS3.5, 8.1.1: Bits Allocated, Bits Stored, High Bit).

Today the high bit is always one less than the bits stored. Files of the 1990s, and of ACR-NEMA before DICOM, may have
the values higher up, and graphics (overlay planes) in the bits above and below them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pneumonia.errors import UndecodableImage


def check_bits(dataset: Dataset) -> None:
    """Raises UndecodableImage where more bits are stored than there is room for."""
    allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    if not 1 <= stored <= allocated:
        raise UndecodableImage(
            f"The DICOM file says that {stored} bits are stored in {allocated} (BitsStored, BitsAllocated): they have "
            "no room there. Export the film again."
        )


def stored_values(cells: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """The stored values in whole ``cells`` [rows, columns], with the sign that these have, and with nothing of what the
    other bits of a cell hold. ``cells`` may be changed.

    A high bit that leaves no room for the bits stored says nothing: the values are then in the lowest bits, as almost
    everywhere. Nor does one further up where no cell has a bit beyond the bits stored: the writer had shifted the
    header and not the values.
    """
    size, stored = 8 * cells.dtype.itemsize, int(dataset.BitsStored)
    high = dataset.get("HighBit")
    below = int(high) - (stored - 1) if high not in (None, "") else 0
    above = size - stored - below
    if below <= 0 or above < 0 or not _reaches_beyond(cells, stored):
        below, above = 0, size - stored
    if above <= 0 and below == 0:
        return cells
    if above == size - stored and cells.dtype.kind == "u" and not _reaches_beyond(cells, stored):
        return cells
    if not cells.flags.writeable:
        cells = cells.copy()
    # Up against the top of the cell and down again: that clears the bits above, or makes them those of the sign.
    np.left_shift(cells, above, out=cells)
    np.right_shift(cells, above + below, out=cells)
    return cells


def _reaches_beyond(cells: NDArray[Any], stored: int) -> bool:
    """Whether a cell is used beyond so many low bits; the bits of a negative number's sign do not count."""
    least, most = int(cells.min(initial=0)), int(cells.max(initial=0))
    return most >= 1 << stored or least < -(1 << (stored - 1))
