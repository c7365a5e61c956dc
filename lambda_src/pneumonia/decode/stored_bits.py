"""Extract stored values from their cells (DICOM PS3.5, 8.1.1: Bits Allocated, Bits Stored, High Bit).

Today High Bit is always one less than Bits Stored. Files of the 1990s, and of ACR-NEMA before DICOM, may store the
values in higher bits, with graphics (overlay planes) in the bits above and below them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pneumonia.errors import UndecodableImage


def check_bits(dataset: Dataset) -> None:
    """Raise UndecodableImage if the stored bits do not fit into the allocated ones."""
    allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    if not 1 <= stored <= allocated:
        raise UndecodableImage(
            f"The DICOM header is wrong: BitsStored is {stored}, but BitsAllocated is {allocated}. "
            "Export the image again."
        )


def stored_values(cells: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """Return the stored values of integer ``cells`` [rows, columns], with their sign.

    The other bits of the cells are cleared. ``cells`` may be changed.

    The values are taken from the lowest bits if High Bit leaves no room for the stored bits. The same applies if High
    Bit is higher up but no cell uses a bit above the lowest BitsStored ones. In that case the writer changed the header
    but did not shift the values.
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
    # Shifting up to the top of the cell and down again clears the bits above, or fills them with the sign.
    np.left_shift(cells, above, out=cells)
    np.right_shift(cells, above + below, out=cells)
    return cells


def _reaches_beyond(cells: NDArray[Any], stored: int) -> bool:
    """Return whether a cell uses bits beyond the lowest `stored` ones. Sign bits of negative numbers do not count."""
    least, most = int(cells.min(initial=0)), int(cells.max(initial=0))
    return most >= 1 << stored or least < -(1 << (stored - 1))
