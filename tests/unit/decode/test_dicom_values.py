"""pydicom's own reading is bounded, not only the walk before it."""

import io
import struct

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import JPEGBaseline8Bit, RLELossless

from pneumonia.decode.dicom_values import MAX_OFFSETS, MAX_VALUE_BYTES, CountedReads, check_fragments, check_values
from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.errors import TooLarge, UndecodableImage
from tests.unit.decode.conftest import DicomBytes, dataset_of, encoded, film12

LIMITS = Limits(max_image_bytes=30_000_000, max_image_pixels=1_000_000, max_dicom_elements=1000)


def fragment(content: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def test_reads_are_counted() -> None:
    stream = CountedReads(bytes(10_000), LIMITS)
    for _ in range(4000):
        stream.read(1)
    with pytest.raises(TooLarge, match="1000 elements"):
        stream.read(1)


def test_elements_that_only_pydicom_sees_are_refused(dicom_bytes: DicomBytes) -> None:
    # The representation contains no letters, so pydicom reads an implicit element of 65,536 bytes. By the standard it
    # has one byte, and the bytes after it end in an element that covers the rest of the file.
    covered = b"\0" + struct.pack("<HH", 9, 0x11) + b"OB\0\0" + struct.pack("<I", 0xFFFFFF00)
    hidden = struct.pack("<HH", 9, 0x10) + b"\0\0\1\0" + covered.ljust(65_536, b"\0")
    many = struct.pack("<HH", 9, 0x12) + b"CS\0\0"
    whole = dicom_bytes()
    start = whole.index(b"\x08\0\x16\0UI")
    head = whole[:start] + struct.pack("<HH", 8, 5) + b"CS\0\0" + hidden
    with pytest.raises(TooLarge, match="elements"):
        decode(head + many * 100_000 + whole[start:], LIMITS)


def test_a_value_of_many_is_refused_before_it_is_split(dicom_bytes: DicomBytes) -> None:
    whole = dicom_bytes()
    start = whole.index(b"\x08\0\x16\0UI")
    window = struct.pack("<HH", 0x28, 0x1050) + b"UN\0\0" + struct.pack("<I", MAX_VALUE_BYTES + 2)
    with pytest.raises(TooLarge, match="An element"):
        decode(whole[:start] + window + b"1\\" * (MAX_VALUE_BYTES // 2 + 1) + whole[start:], LIMITS)


def test_values_in_sequences_are_checked() -> None:
    item = Dataset()
    item.add_new(0x00283006, "OW", bytes(MAX_VALUE_BYTES + 2))
    dataset = Dataset()
    dataset.VOILUTSequence = Sequence([item])
    with pytest.raises(TooLarge):
        check_values(dataset)
    item.add_new(0x00283006, "OW", bytes(MAX_VALUE_BYTES))
    check_values(dataset)


def test_pixels_and_profiles_may_be_long() -> None:
    dataset = dataset_of(np.zeros((1000, 1000), dtype=np.uint16))
    dataset.add_new(0x00282000, "OB", bytes(MAX_VALUE_BYTES + 2))
    dataset.add_new(0x00291010, "OB", bytes(MAX_VALUE_BYTES + 2))  # private
    check_values(dataset)


def test_fragments_and_their_table_are_bounded() -> None:
    check_fragments(fragment(b"") + fragment(b"12"), 1, LIMITS)
    with pytest.raises(TooLarge, match="offset table"):
        check_fragments(fragment(bytes(4 * (MAX_OFFSETS + 2))), 1, LIMITS)
    with pytest.raises(TooLarge, match="fragments"):
        check_fragments(fragment(b"") * 1001, 1, LIMITS)
    with pytest.raises(UndecodableImage, match="fragments"):
        check_fragments(bytes(100), 1, LIMITS)


def test_a_segmented_palette_is_refused() -> None:
    dataset = dataset_of((film12() >> 4).astype(np.uint8), PhotometricInterpretation="PALETTE COLOR")
    dataset.SegmentedRedPaletteColorLookupTableData = bytes(6)
    with pytest.raises(UndecodableImage, match="segmented palette"):
        decode(encoded(dataset), LIMITS)


def test_a_panic_of_a_decoder_means_a_damaged_image() -> None:
    dataset = dataset_of(film12())
    dataset.compress(RLELossless)
    data = encoded(dataset)
    # The first of two segments is cut off, and the decoder in Rust reads past its end.
    start = data.index(struct.pack("<II", 2, 64))
    for end in range(start + 64, len(data), 97):
        with pytest.raises(UndecodableImage):
            decode(data[:start] + struct.pack("<III", 2, 64, 64 + end % 500) + data[start + 12 : end], LIMITS)


def test_a_codestream_that_differs_from_the_header() -> None:
    grey = Image.fromarray((film12() >> 4).astype(np.uint8))
    dataset = dataset_of(np.zeros(film12().shape, dtype=np.uint8), JPEGBaseline8Bit)
    dataset.PixelData = encapsulate([jpeg(grey)])
    assert decode(encoded(dataset), LIMITS).pixels.size == grey.size
    dataset.PixelData = encapsulate([jpeg(grey.convert("CMYK"))])
    with pytest.raises(UndecodableImage, match="number of colours"):
        decode(encoded(dataset), LIMITS)
    dataset.PixelData = encapsulate([jpeg(grey.resize((50, 50)))])
    with pytest.raises(UndecodableImage, match="differ in size"):
        decode(encoded(dataset), LIMITS)


def jpeg(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG")
    return stream.getvalue()
