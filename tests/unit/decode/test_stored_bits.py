import numpy as np
import pytest
from pydicom.dataset import Dataset

from pneumonia.decode.stored_bits import check_bits, stored_values
from pneumonia.errors import UndecodableImage

VALUES = np.array([[0, 1, 700], [1022, 1023, 512]], np.uint16)


def header(stored: int, high: object, allocated: int = 16) -> Dataset:
    dataset = Dataset()
    dataset.BitsAllocated, dataset.BitsStored = allocated, stored
    if high is not None:
        dataset.HighBit = high
    return dataset


@pytest.mark.parametrize("high", [9, 12, 15])
@pytest.mark.parametrize("others", [0, 0xFFFF])
def test_values_are_read_where_the_high_bit_says(high: int, others: int) -> None:
    shift = high - 9
    cells = (VALUES << shift) | (np.uint16(others) & np.uint16(~(1023 << shift) & 0xFFFF))
    assert np.array_equal(stored_values(cells, header(10, high)), VALUES)


@pytest.mark.parametrize("high", [9, 12, 15])
def test_negative_values_have_their_sign(high: int) -> None:
    signed = VALUES.astype(np.int16) - 512
    cells = (signed << (high - 9)) & np.int16((1023 << (high - 9)) - (2**16 if high == 15 else 0))
    assert np.array_equal(stored_values(cells, header(10, high)), signed)


@pytest.mark.parametrize("high", [15, 12, 7, 16, 0, None, ""])
def test_an_impossible_high_bit_is_ignored(high: object) -> None:
    assert np.array_equal(stored_values(VALUES.copy(), header(10, high)), VALUES)


def test_cells_that_may_not_be_written_are_copied() -> None:
    cells = VALUES | np.uint16(0x8000)
    cells.flags.writeable = False
    assert np.array_equal(stored_values(cells, header(10, 9)), VALUES)


@pytest.mark.parametrize(("stored", "allocated"), [(17, 16), (12, 8), (0, 16)])
def test_stored_bits_must_fit_into_the_allocated_ones(stored: int, allocated: int) -> None:
    with pytest.raises(UndecodableImage, match=f"BitsStored is {stored}, but BitsAllocated is {allocated}"):
        check_bits(header(stored, stored - 1, allocated))
