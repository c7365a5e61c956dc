"""Structures that would take pydicom minutes and gigabytes are counted first."""

import struct
import zlib

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from pneumonia.decode.dicom_guard import Encoding, check_elements, inflate
from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.errors import TooLarge, UndecodableImage
from tests.unit.decode.conftest import DicomBytes

LIMITS = Limits(max_image_bytes=30_000_000, max_image_pixels=1_000_000, max_dicom_elements=1000, max_dicom_nesting=8)
EXPLICIT, IMPLICIT = Encoding(implicit=False), Encoding(implicit=True)


def explicit(kind: bytes, value: bytes = b"", *, tag: tuple[int, int] = (0x0009, 0x0010)) -> bytes:
    return struct.pack("<HH", *tag) + kind + struct.pack("<H", len(value)) + value


def sequence(content: bytes, tag: tuple[int, int] = (0x0009, 0x0010)) -> bytes:
    """Return a sequence of one item, both of undefined length."""
    head = struct.pack("<HH", *tag) + b"SQ\0\0" + b"\xff" * 4
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    ends = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return head + item + content + ends


def nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = sequence(content)
    return content


def test_elements_are_counted_to_the_limit() -> None:
    assert check_elements(explicit(b"CS") * 1000, 0, EXPLICIT, LIMITS) == 8000
    with pytest.raises(TooLarge, match="more than 1000 elements"):
        check_elements(explicit(b"CS") * 1001, 0, EXPLICIT, LIMITS)


def test_elements_inside_of_sequences_count_too() -> None:
    with pytest.raises(TooLarge, match="elements"):
        check_elements(sequence(explicit(b"CS") * 1000), 0, EXPLICIT, LIMITS)
    # The same for a sequence and an item of defined length.
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 8000) + explicit(b"CS") * 1000
    whole = struct.pack("<HH", 0x0028, 0x3010) + b"SQ\0\0" + struct.pack("<I", len(item)) + item
    with pytest.raises(TooLarge, match="elements"):
        check_elements(whole, 0, EXPLICIT, LIMITS)


def test_unknown_of_undefined_length_is_implicit_inside() -> None:
    head = struct.pack("<HH", 0x0009, 0x0010) + b"UN\0\0" + b"\xff" * 4
    with pytest.raises(TooLarge, match="elements"):
        check_elements(head + struct.pack("<HHI", 0x0009, 0x0011, 0) * 1001, 0, EXPLICIT, LIMITS)


def test_nesting_is_bounded() -> None:
    check_elements(nested(8), 0, EXPLICIT, LIMITS)
    with pytest.raises(TooLarge, match="nests sequences"):
        check_elements(nested(9), 0, EXPLICIT, LIMITS)


def test_only_the_current_depth_counts() -> None:
    check_elements(nested(2) * 40, 0, EXPLICIT, LIMITS)


def test_fragments_of_compressed_pixels_are_skipped() -> None:
    fragment = struct.pack("<HHI", 0xFFFE, 0xE000, 80_000) + explicit(b"CS") * 10_000
    head = struct.pack("<HH", 0x7FE0, 0x0010) + b"OB\0\0" + b"\xff" * 4
    check_elements(head + fragment * 3 + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0), 0, EXPLICIT, LIMITS)


def test_the_end_of_a_group_ends_the_walk() -> None:
    meta = explicit(b"UI", b"1.2 ", tag=(0x0002, 0x0010))
    assert check_elements(meta + explicit(b"CS") * 5, 0, EXPLICIT, LIMITS, group=2) == len(meta)


@pytest.mark.parametrize("tail", [b"", b"\x08", b"\x08\0\x16\0OB\0\0", struct.pack("<HHI", 8, 16, 2**31)])
def test_a_file_that_ends_in_an_element_is_left_to_the_decoder(tail: bytes) -> None:
    check_elements(explicit(b"CS") + tail, 0, EXPLICIT, LIMITS)
    check_elements(tail, 0, IMPLICIT, LIMITS)


def test_a_deflated_bomb_is_not_unpacked() -> None:
    stream = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = stream.compress(bytes(20_000_000)) + stream.flush()
    assert len(bomb) < 25_000
    with pytest.raises(TooLarge, match="unpacks to more than 3048576 bytes"):
        inflate(bomb, LIMITS)


def test_damaged_deflate_is_undecodable(dicom_bytes: DicomBytes) -> None:
    data = bytearray(dicom_bytes(syntax=DeflatedExplicitVRLittleEndian))
    data[-300:] = bytes(300)
    with pytest.raises(UndecodableImage):
        decode(bytes(data), LIMITS)


def test_a_bomb_of_elements_in_a_real_file_is_refused(dicom_bytes: DicomBytes) -> None:
    with pytest.raises(TooLarge, match="elements"):
        decode(dicom_bytes() + explicit(b"CS") * 2_000_000, LIMITS)
