from typing import Any

import pytest
from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from pneumonia.decode.dicom_patient import is_of_another_population, view_warnings


def header(**elements: Any) -> Dataset:
    dataset = Dataset()
    for name, value in elements.items():
        tag = tag_for_keyword(name)
        assert tag is not None
        dataset[tag] = DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE)
    return dataset


@pytest.mark.parametrize(
    ("elements", "found"),
    [
        ({}, []),
        ({"ViewPosition": "AP", "BodyPartExamined": "CHEST"}, []),
        ({"BodyPartExamined": "THORAX"}, []),
        ({"BodyPartExamined": "TORAX AP"}, []),
        ({"ViewPosition": "LL"}, ["view_not_frontal"]),
        ({"ViewPosition": "LATERAL", "BodyPartExamined": "HAND"}, ["view_not_frontal", "body_part_not_chest"]),
    ],
)
def test_views_and_body_parts(elements: dict[str, Any], found: list[str]) -> None:
    assert view_warnings(header(**elements)) == found
    assert is_of_another_population(header(**elements)) is bool(found)


@pytest.mark.parametrize(
    ("elements", "other"),
    [
        ({"PatientAge": "003Y"}, False),
        ({"PatientAge": "012M"}, False),
        ({"PatientAge": "005Y"}, False),
        ({"PatientAge": "006Y"}, True),
        ({"PatientAge": "011M"}, True),
        ({"PatientAge": "010D"}, True),
        ({"PatientAge": "047Y"}, True),
        ({"PatientAge": "old", "PatientBirthDate": "19800101", "StudyDate": "20200101"}, True),
        ({"PatientBirthDate": "20160101", "StudyDate": "20200101"}, False),
        ({"PatientBirthDate": "19800101", "StudyDate": "20160101", "AcquisitionDate": "19830101"}, False),
        ({"PatientBirthDate": "19800101"}, False),
        ({"PatientBirthDate": "20300101", "StudyDate": "20200101"}, False),
        ({"PatientBirthDate": "DOE", "StudyDate": "JANE"}, False),
        ({"ViewPosition": "PA"}, True),
    ],
)
def test_ages_and_dates(elements: dict[str, Any], other: bool) -> None:
    assert is_of_another_population(header(**elements)) is other
