"""Check by view, body part and age in a DICOM header whether the image belongs to the training population.

Only the conclusions leave this module. No response, result or log contains an age or a date.
"""

import re
from datetime import date
from typing import Any

from pydicom.dataset import Dataset

LATERAL = frozenset({"LL", "RL", "LLD", "RLD", "LAT", "LATERAL", "LEFT LATERAL", "RIGHT LATERAL"})
"""View positions that are not frontal (PS3.3 C.8.7.2 and C.8.11.1)."""
CHEST = re.compile("CHEST|T[HO]+RAX|LUNG|PULM|POUMON")
"""Names of the body part in chest X-rays, in the languages found in files so far."""
YEARS = (1, 6)
"""Ages in the training images, in years: at least the first number, and less than the second."""

_AGE = re.compile(r"(\d{1,3})([DWMY])")
_IN_A_YEAR = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}


def view_warnings(dataset: Dataset) -> list[str]:
    """Return `view_not_frontal` and `body_part_not_chest` where the header says so."""
    view, part = _text(dataset, "ViewPosition"), _text(dataset, "BodyPartExamined")
    found = ["view_not_frontal"] if view in LATERAL else []
    return [*found, "body_part_not_chest"] if part and not CHEST.search(part) else found


def is_of_another_population(dataset: Dataset) -> bool:
    """Return True if the header says that this is not a frontal AP chest X-ray of a child of 1 to 5 years."""
    age = _age(dataset)
    known_age_outside = age is not None and not YEARS[0] <= age < YEARS[1]
    return known_age_outside or _text(dataset, "ViewPosition") == "PA" or bool(view_warnings(dataset))


def _age(dataset: Dataset) -> float | None:
    """Return the age in years, from PatientAge or, without it, from the dates of birth and acquisition or study."""
    if match := _AGE.fullmatch(_text(dataset, "PatientAge")):
        return int(match[1]) / _IN_A_YEAR[match[2]]
    born = _date(dataset.get("PatientBirthDate"))
    taken = _date(dataset.get("AcquisitionDate")) or _date(dataset.get("StudyDate"))
    return (taken - born).days / 365.25 if born and taken and taken >= born else None


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value or "").strip().replace(".", ""))
    except ValueError:
        return None


def _text(dataset: Dataset, name: str) -> str:
    return str(dataset.get(name) or "").strip().upper()
