"""Make DICOM files as X-ray machines write them. Their headers name an invented patient."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

PATIENT = ("ZZPATIENTNAME^JANE", "ZZPATIENTID77", "19990101")
SOP_UID, STUDY_UID = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"

DicomBytes = Callable[..., bytes]


def film12(rows: int = 96, columns: int = 80) -> np.ndarray:
    """Return a 12-bit wedge with a bright disc: stored values 200..3800."""
    y, x = np.mgrid[0:rows, 0:columns]
    wedge = 200 + 2600 * np.clip(x / columns * 1.25 - 0.125, 0, 1)  # clipped, so that the wedge is flat at both sides
    disc = (y - rows / 2) ** 2 + (x - columns / 2) ** 2 < (rows / 4) ** 2
    return np.asarray(wedge + 1000 * disc, dtype=np.uint16)


def dataset_of(pixels: np.ndarray, syntax: str = ExplicitVRLittleEndian, **elements: Any) -> Dataset:
    """Return a CR image of ``pixels`` (uint8 or uint16, grey or RGB). ``elements``: set by keyword; None omits one."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = UID(SOP_UID)
    meta.TransferSyntaxUID = UID(syntax)
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.preamble = b"\0" * 128
    values: dict[str, Any] = {
        "SOPClassUID": ComputedRadiographyImageStorage,
        "SOPInstanceUID": SOP_UID,
        "StudyInstanceUID": STUDY_UID,
        "Modality": "CR",
        "PatientName": PATIENT[0],
        "PatientID": PATIENT[1],
        "PatientBirthDate": PATIENT[2],
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1 if pixels.ndim == 2 else 3,
        "PhotometricInterpretation": "MONOCHROME2" if pixels.ndim == 2 else "RGB",
        "BitsAllocated": 8 * pixels.dtype.itemsize,
        "BitsStored": 8 if pixels.dtype.itemsize == 1 else 12,
        "HighBit": 7 if pixels.dtype.itemsize == 1 else 11,
        "PixelRepresentation": 1 if pixels.dtype.kind == "i" else 0,
        **({"PlanarConfiguration": 0} if pixels.ndim == 3 else {}),
        **elements,
    }
    for keyword, value in values.items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.PixelData = pixels.byteswap().tobytes() if syntax == ExplicitVRBigEndian else pixels.tobytes()
    dataset["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    return dataset


def encoded(dataset: Dataset) -> bytes:
    """Return the bytes of the file. If the preamble of ``dataset`` is None, the file has no meta group."""
    stream = io.BytesIO()
    syntax = dataset.file_meta.TransferSyntaxUID
    if dataset.preamble is None:
        del dataset.file_meta
        dcmwrite(stream, dataset, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    else:
        dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


@pytest.fixture(scope="session")
def dicom_bytes() -> DicomBytes:
    """Provide dicom_bytes(pixels, syntax, Keyword=value, ...), which returns a CR file."""

    def make(pixels: np.ndarray | None = None, syntax: str = ExplicitVRLittleEndian, **elements: Any) -> bytes:
        return encoded(dataset_of(film12() if pixels is None else pixels, syntax, **elements))

    return make
