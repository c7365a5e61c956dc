from typing import Any

import pytest

from pneumonia_cli.dicom_out.source import NotDicom, Source
from tests.dicom_out.films import HEADER, dicom_film


def test_patient_and_study_are_copied() -> None:
    source = Source.of(dicom_film(PatientName="Müller^Jörg"))
    assert str(source.header.PatientName) == "Müller^Jörg"
    for name in ("PatientID", "PatientBirthDate", "StudyDate", "StudyTime", "AccessionNumber", "StudyDescription"):
        assert source.header.get(name) == HEADER[name]
    assert source.instance_number == 4
    assert not source.is_own_result


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PatientBirthDate", "1979"),
        ("StudyDate", "20241341"),
        ("StudyTime", "99"),
        ("PatientSex", "UNKNOWN"),
        ("PatientName", "A" * 65),
        ("PatientID", "9" * 65),
        ("PatientID", "4711\\4712"),
        ("PatientID", "47\t11"),
        ("IssuerOfPatientID", "H" * 65),
        ("AccessionNumber", "ACC-2024-00000001"),
    ],
)
@pytest.mark.filterwarnings("ignore")  # pydicom warns when the test writes the value
def test_values_that_break_the_standard_are_left_empty(name: str, value: str) -> None:
    assert str(Source.of(dicom_film(**{name: value})).header.get(name) or "") == ""


def test_elements_that_the_header_lacks_are_empty() -> None:
    lacking: dict[str, Any] = dict.fromkeys(set(HEADER) - {n for n in HEADER if n.endswith("InstanceUID")})
    header = Source.of(dicom_film(**lacking)).header
    assert [header.get(n) for n in ("PatientID", "StudyDate", "AccessionNumber", "StudyID")] == ["", "", "", ""]


@pytest.mark.parametrize("name", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_an_image_without_uids(name: str) -> None:
    with pytest.raises(NotDicom, match=name):
        Source.of(dicom_film(**{name: None}))


def test_files_that_are_not_dicom(image_bytes: Any) -> None:
    with pytest.raises(NotDicom):
        Source.of(image_bytes())


def test_an_own_result_is_recognized() -> None:
    assert Source.of(dicom_film(Manufacturer="pneumonia-inference")).is_own_result
