from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pneumonia.decode.lookup import Table, table_of

RISE = np.arange(256, dtype=np.uint16)


def sequence(descriptor: Any, data: Any) -> Sequence:
    item = Dataset()
    item.LUTDescriptor = descriptor
    item["LUTDescriptor"].VR = "US"
    if data is not None:
        item.LUTData = data
        item["LUTData"].VR = "OW" if isinstance(data, bytes) else "US"
    return Sequence([item])


def read(descriptor: Any, data: Any, *, big_endian: bool = False) -> Table:
    found = table_of(sequence(descriptor, data), big_endian=big_endian)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("data", "big_endian"),
    [
        (RISE.tobytes(), False),
        (RISE.astype(">u2").tobytes(), True),
        (RISE.tolist(), False),
        (RISE.astype(np.uint8).tobytes(), False),
        (RISE.astype(np.uint8).view("<u2").tolist(), False),
        (RISE.astype(np.uint8).view("<u2").astype(">u2").tobytes(), True),
    ],
    ids=["words", "big-endian", "numbers", "packed", "packed-numbers", "packed-big-endian"],
)
def test_entries_of_8_bits_in_every_packing(data: Any, big_endian: bool) -> None:
    assert read([256, 0, 8], data, big_endian=big_endian).entries.tolist() == RISE.tolist()


def test_values_outside_the_table_get_its_first_or_last_entry() -> None:
    table = read([3, 100, 16], [7, 8, 9])
    assert table.look_up(np.array([-5, 100, 101, 102, 60_000])).tolist() == [7, 7, 8, 9, 9]


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.float32])
def test_a_first_value_far_below_the_values(kind: Any) -> None:
    """In float16, as numpy rounds 8-bit integers, 30,000 and 30,001 are the same number."""
    table = read([0, -30_000, 16], (np.arange(65_536) % 65_521).tolist())
    values = np.array([[0, 1, 7, 100, 127]], kind)
    assert table.look_up(values).tolist() == [[30_000, 30_001, 30_007, 30_100, 30_127]]


def test_a_first_value_below_zero_may_come_without_its_sign() -> None:
    assert read([3, 65_535, 16], [7, 8, 9]).look_up(np.array([-1, 0, 1])).tolist() == [7, 8, 9]


def test_a_count_of_zero_means_65536() -> None:
    assert read([0, 0, 16], np.arange(65_536).tolist()).entries.size == 65_536


def test_a_table_that_is_shorter_than_declared() -> None:
    assert read([4096, 0, 12], [1, 2]).look_up(np.array([4000])).tolist() == [2]


@pytest.mark.parametrize(
    "broken", [None, Sequence([]), sequence([1, 2], [5]), sequence([4, 0, 16], None), sequence([4, 0, 99], [5, 6, 7])]
)
def test_unreadable_tables_give_none(broken: Any) -> None:
    assert table_of(broken, big_endian=False) is None
