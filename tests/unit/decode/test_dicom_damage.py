import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.errors import UndecodableImage
from tests.unit.decode.conftest import PATIENT, DicomBytes, dataset_of, encoded, film12

LIMITS = Limits(10_000_000, 1_000_000)


def reason(data: bytes) -> str:
    with pytest.raises(UndecodableImage) as refused:
        decode(data, LIMITS)
    assert not [text for text in PATIENT if text in refused.value.detail]
    return refused.value.detail


def test_the_reason_for_a_file_without_pixels(dicom_bytes: DicomBytes) -> None:
    report = dataset_of(film12(), Rows=None, Columns=None)
    del report.PixelData
    assert "Send the image, not a report" in reason(encoded(report))
    image = dataset_of(film12())
    del image.PixelData
    assert "describes an image but contains no pixels: it was cut off in transfer" in reason(encoded(image))
    floating = dataset_of(film12())
    del floating.PixelData
    floating.FloatPixelData = film12().astype(np.float32).tobytes()
    assert "floating-point pixels" in reason(encoded(floating))


def test_an_unsupported_compression_is_named() -> None:
    dataset = dataset_of(film12(), MPEG2MPML)
    dataset.PixelData = encapsulate([b"\0\0\1\xb3" + bytes(100)])
    assert "is compressed as MPEG2 Main Profile / Main Level, which is not supported" in reason(encoded(dataset))


def test_a_transfer_syntax_outside_the_standard_is_reported() -> None:
    data = encoded(dataset_of(film12()))
    assert "not part of the standard" in reason(data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.99999.1.2.1\0"))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless], ids=lambda uid: uid.keyword)
def test_damaged_compressed_pixels_are_not_called_truncated(syntax: str) -> None:
    dataset = dataset_of(film12())
    dataset.compress(syntax)
    stream = bytearray(dataset.PixelData)
    stream[20:120] = bytes(100)
    dataset.PixelData = bytes(stream)
    found = reason(encoded(dataset))
    assert "damaged" in found
    assert "truncated" not in found


def test_fewer_pixels_than_the_header_says() -> None:
    dataset = dataset_of(film12())
    dataset.PixelData = dataset.PixelData[:-1000]
    assert "fewer pixels than its header says" in reason(encoded(dataset))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_every_truncation_of_a_file_has_a_true_reason(syntax: str) -> None:
    data = encoded(dataset_of(film12(), syntax))
    for length in range(132, len(data), 997):
        found = reason(data[:length])
        assert "cut off in transfer" in found or "truncated" in found, (length, found)


def test_an_element_with_a_damaged_representation_is_reported_as_damage(dicom_bytes: DicomBytes) -> None:
    data = dicom_bytes()
    assert data.count(b"\x28\0\0\1US") == 1
    assert "header and its pixels do not match" in reason(data.replace(b"\x28\0\0\1US", b"\x28\0\0\1U\xd3"))
