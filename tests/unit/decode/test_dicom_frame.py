"""The stream that was checked is the one that is decoded, even if tables of the DICOM file point to another."""

import io

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.uid import JPEGBaseline8Bit

from pneumonia.decode.dicom import decode_dicom
from pneumonia.decode.dicom_frame import keep_first_frame
from pneumonia.decode.limits import Limits
from tests.memory.headers import dicom
from tests.unit.decode.conftest import DicomBytes


def jpeg_of(grey: int, side: int = 80, step: int = 40) -> bytes:
    """Return an image whose upper half is brighter than the lower half by ``step``."""
    stream = io.BytesIO()
    image = Image.new("L", (side, side), grey)
    image.paste(grey + step, (0, 0, side, side // 2))
    image.save(stream, "JPEG")
    return stream.getvalue()


def test_an_extended_offset_table_is_not_followed() -> None:
    hidden = jpeg_of(200, step=-40)
    data = dicom(jpeg_of(60), JPEGBaseline8Bit, (80, 80), hidden=hidden, WindowCenter=128, WindowWidth=256)
    pixels = np.asarray(decode_dicom(data, Limits()).pixels, int)
    assert pixels[:40].mean() > pixels[40:].mean() + 30


def test_one_frame_in_one_fragment_remains() -> None:
    dataset = dcmread(io.BytesIO(dicom(b"frame1", JPEGBaseline8Bit, hidden=b"hidden", NumberOfFrames=2)))
    keep_first_frame(dataset, Limits(max_frames=2))
    assert dataset.PixelData == b"\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0\x06\0\0\0frame1"
    assert "ExtendedOffsetTable" not in dataset
    assert "NumberOfFrames" not in dataset


@pytest.mark.parametrize("frames", [None, 2])
def test_uncompressed_pixels_stay_unchanged(dicom_bytes: DicomBytes, frames: int | None) -> None:
    dataset = dcmread(io.BytesIO(dicom_bytes(NumberOfFrames=frames)))
    before = dataset.PixelData
    keep_first_frame(dataset, Limits())
    assert (dataset.PixelData, dataset.get("NumberOfFrames")) == (before, frames)
