import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia_cli.gateway.deidentify import CannotClean, deidentified
from pneumonia_cli.gateway.pseudonyms import Pseudonyms
from tests.dicom_out.films import HEADER, dicom_film
from tests.gateway.needles import needles

KEY = Pseudonyms(b"k" * 32)


def same_picture(before: bytes, after: bytes) -> bool:
    """Return whether two files decode to the same pixels."""
    first, second = (np.asarray(decode(data, Limits()).pixels) for data in (before, after))
    return np.array_equal(first, second)


def rich_image(**elements: Any) -> bytes:
    """Return an image with patient data in unlikely places: private elements, sequences, LUT explanations, overlays."""
    image = dcmread(io.BytesIO(dicom_film(**elements)))
    image.add_new(0x00090010, "LO", "ZZCREATOR")
    image.add_new(0x00091001, "LO", "ZZPRIVATE value")
    item = Dataset()
    item.PatientName, item.StudyInstanceUID = "ZZNESTED^NAME", "1.2.826.0.1.3680043.8.498.66"
    image.RequestAttributesSequence = [item]
    lut = Dataset()
    lut.LUTDescriptor, lut.LUTExplanation = [4096, 0, 16], "ZZEXPLAINED"
    lut.add_new(0x00283006, "OW", np.arange(4096, dtype="<u2").tobytes())
    image.VOILUTSequence = [lut]
    image.add_new(0x60003000, "OW", b"ZZOVERLAY bits of it")
    image.WindowCenterWidthExplanation = "ZZWINDOW"
    image.add_new(0xFFFCFFFC, "OB", b"ZZPADDING of somebody")
    image.preamble = b"ZZPREAMBLE".ljust(128, b"\0")
    stream = io.BytesIO()
    image.save_as(stream)
    return stream.getvalue()


def test_no_patient_data_of_the_header_is_left() -> None:
    data = rich_image()
    looked_for = needles(dcmread(io.BytesIO(data))) | {b"ZZ"}
    assert {b"ZZFAMILY", b"ZZNESTED", b"20240917", b"005Y", HEADER["SeriesInstanceUID"].encode()} <= looked_for
    clean = deidentified(data, KEY).data
    assert [needle for needle in looked_for if needle in clean] == []


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_the_picture_is_the_same(syntax: str) -> None:
    data = dicom_film(syntax=syntax, WindowCenter=1500, WindowWidth=2000, PhotometricInterpretation="MONOCHROME1")
    clean = deidentified(data, KEY)
    before, after = decode(data, Limits()), decode(clean.data, Limits())
    assert same_picture(data, clean.data)
    assert before.dicom is not None
    assert after.dicom == replace(
        before.dicom, sop_instance_uid=clean.sop_pseudonym, study_instance_uid=clean.study_pseudonym
    )


def test_lookup_tables_are_kept() -> None:
    data = rich_image()
    assert same_picture(data, deidentified(data, KEY).data)


@pytest.mark.parametrize(
    ("elements", "other", "warnings"),
    [
        ({}, False, ()),
        ({"PatientAge": "045Y"}, True, ()),
        ({"PatientAge": None, "PatientBirthDate": "19500101"}, True, ()),
        ({"ViewPosition": "LL"}, True, ("view_not_frontal",)),
        ({"BodyPartExamined": "HAND"}, True, ("body_part_not_chest",)),
    ],
)
def test_age_and_view_are_judged_locally(elements: dict[str, str], other: bool, warnings: tuple[str, ...]) -> None:
    data = dicom_film(**elements)
    clean = deidentified(data, KEY)
    assert (clean.other_population, clean.warnings) == (other, warnings)
    whole = decode(data, Limits())
    assert (whole.other_population, whole.warnings) == (other, warnings)  # as the service judges it


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Modality", "SMITH"),
        ("PhotometricInterpretation", "SMITH JOHN"),
        ("WindowCenter", "SMITH"),
        ("VOILUTFunction", "SMITH"),
        ("PresentationIntentType", "SMITH"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_name_in_the_wrong_element_does_not_leave(name: str, value: str) -> None:
    image = dcmread(io.BytesIO(dicom_film()))
    image.add_new(name, "LO", value)  # as a LO, since pydicom would not write the value with its own VR
    stream = io.BytesIO()
    image.save_as(stream)
    assert b"SMITH" in stream.getvalue()
    assert b"SMITH" not in deidentified(stream.getvalue(), KEY).data


def test_bytes_after_the_pixels_are_removed() -> None:
    image = dcmread(io.BytesIO(dicom_film()))
    image.PixelData = image.PixelData + b"ZZHIDDEN in the padding!"
    stream = io.BytesIO()
    image.save_as(stream)
    assert b"ZZHIDDEN" not in deidentified(stream.getvalue(), KEY).data


def test_comments_in_a_jpeg_do_not_leave(image_bytes: Any) -> None:
    jpeg = image_bytes(kind="JPEG", comment=b"ZZCOMMENT of a camera", exif=b"Exif\0\0ZZEXIF")
    assert b"ZZCOMMENT" in jpeg
    assert b"ZZEXIF" in jpeg
    image = dcmread(io.BytesIO(dicom_film(BitsAllocated=8, BitsStored=8, HighBit=7, Rows=72, Columns=96)))
    image.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    image.PixelData = encapsulate([jpeg + b"ZZBEHIND the end"])
    image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
    stream = io.BytesIO()
    image.save_as(stream)
    data = stream.getvalue()
    clean = deidentified(data, KEY).data
    assert b"ZZ" not in clean
    assert same_picture(data, clean)


def test_uids_are_keyed_hashes() -> None:
    clean, again = deidentified(dicom_film(), KEY), deidentified(dicom_film(), KEY)
    other = deidentified(dicom_film(), Pseudonyms(b"o" * 32))
    assert clean.data == again.data
    assert {clean.sop_pseudonym, clean.study_pseudonym}.isdisjoint({other.sop_pseudonym, other.study_pseudonym})
    assert dcmread(io.BytesIO(clean.data)).SOPInstanceUID == clean.sop_pseudonym


@pytest.mark.parametrize(
    "data",
    [b"", b"no DICOM", dicom_film(SOPClassUID="1.2.3.4"), dicom_film(StudyInstanceUID=None)],
    ids=["empty", "text", "private", "no study"],
)
@pytest.mark.filterwarnings("ignore")
def test_unreadable_files_are_not_sent(data: bytes) -> None:
    with pytest.raises(CannotClean) as raised:
        deidentified(data, KEY)
    assert "ZZ" not in str(raised.value)


@pytest.mark.skipif("CXR_DICOM" not in os.environ, reason="CXR_DICOM is not set")
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_real_files() -> None:
    for path in sorted(Path(os.environ["CXR_DICOM"]).glob("*.dcm")):
        image = dcmread(path, force=True)
        if "TransferSyntaxUID" not in image.file_meta:  # a sender would name it
            image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        stream = io.BytesIO()
        image.save_as(stream)
        clean = deidentified(stream.getvalue(), KEY).data
        assert [needle for needle in needles(image) if needle in clean] == [], path.name
        assert same_picture(path.read_bytes(), clean), path.name
