import numpy as np
import pytest

from pneumonia.decode.jpeg12 import decode_12_bits
from pneumonia.decode.jpeg_header import EXTENDED, JpegHeader
from pneumonia.errors import UndecodableImage
from tests.unit.decode.jpeg12_writer import jpeg12

BLOCKS = np.random.default_rng(0).integers(0, 4096, (5, 3)).astype(np.uint16)
VALUES = np.repeat(np.repeat(BLOCKS, 8, 0), 8, 1)
HEADER = JpegHeader(EXTENDED, 12, 40, 24, 1)


def test_samples_keep_their_12_bits() -> None:
    found = decode_12_bits(jpeg12(VALUES), HEADER)
    assert found.dtype == np.uint16
    assert np.array_equal(found, VALUES)


def test_a_stream_without_an_end_is_not_filled_up_with_grey() -> None:
    with pytest.raises(UndecodableImage, match="truncated"):
        decode_12_bits(jpeg12(VALUES)[:-8], HEADER)


def test_bytes_after_the_end_are_ignored() -> None:
    assert np.array_equal(decode_12_bits(jpeg12(VALUES) + bytes(1), HEADER), VALUES)
