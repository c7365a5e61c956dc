"""The parts of an image's header that its results repeat."""

import copy
import io
import re
import warnings
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.valuerep import PersonName

from pneumonia.decode.image import UID_PATTERN
from pneumonia_cli.dicom_out.equipment import is_ours

_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")
_UID = re.compile(UID_PATTERN)
_LENGTHS = {"PatientID": 64, "AccessionNumber": 16, "StudyID": 16, "StudyDescription": 64, "IssuerOfPatientID": 64}
LOSSY = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")
"""Elements that a derived image must repeat if its source was compressed with loss."""


class NotDicom(Exception):
    """The bytes are not a DICOM image that a result can refer to. The message says why."""


@dataclass(frozen=True)
class Source:
    """The image that a result refers to. `header` holds patient and study; values that break the standard are empty."""

    header: Dataset
    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    study_instance_uid: str
    instance_number: int
    is_own_result: bool

    @classmethod
    def of(cls, data: bytes) -> "Source":
        """Read the header of a DICOM file. Raises NotDicom."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pydicom quotes the values that it warns about
                dataset = dcmread(io.BytesIO(data), stop_before_pixels=True, force=True)
                return cls.of_dataset(dataset)
        except NotDicom:
            raise
        except Exception as error:  # pydicom raises almost anything on damaged input
            raise NotDicom("The file has no readable DICOM header.") from error

    @classmethod
    def of_dataset(cls, dataset: Dataset) -> "Source":
        """Make a source from a header. Raises NotDicom if one of the UIDs that a result refers to is missing."""
        names = ("SOPInstanceUID", "SOPClassUID", "SeriesInstanceUID", "StudyInstanceUID")
        header = _header(dataset)
        for name in names:
            uid = str(dataset.get(name) or "").strip()
            if not _UID.match(uid):
                raise NotDicom(f"The file has no valid {name}, so no result can refer to it.")
            setattr(header, name, uid)
        instance, kind, series, study = (str(header.get(name)) for name in names)
        return cls(header, instance, kind, series, study, _number(dataset.get("InstanceNumber")), is_ours(dataset))

    @property
    def name_parts(self) -> tuple[str, str, str, str, str]:
        """Family, given and middle name, prefix and suffix, in the first script that is not empty."""
        for written in str(self.header.PatientName).split("="):  # the first script can be empty
            family, given, middle, prefix, suffix, *_ = (*(part.strip() for part in written.split("^")), *[""] * 5)
            if family or given or middle or prefix or suffix:
                return family, given, middle, prefix, suffix
        return "", "", "", "", ""

    def nameless(self) -> Dataset:
        """Return the header with empty names, since highdicom warns about some names and quotes them."""
        header = copy.deepcopy(self.header)
        header.PatientName = header.ReferringPhysicianName = PersonName("")
        return header


def _header(dataset: Dataset) -> Dataset:
    header = Dataset()
    header.PatientName = _name(dataset.get("PatientName"))
    for name, length in _LENGTHS.items():
        text = _text(dataset.get(name), length)
        if text or name in ("PatientID", "AccessionNumber", "StudyID"):  # required in every object, even if empty
            setattr(header, name, text)
    header.PatientBirthDate = _date(dataset.get("PatientBirthDate"))
    sex = _text(dataset.get("PatientSex"), 1)
    header.PatientSex = sex if sex in ("M", "F", "O") else ""
    header.StudyDate = _date(dataset.get("StudyDate"))
    header.StudyTime = _time(dataset.get("StudyTime"))
    header.ReferringPhysicianName = _name(dataset.get("ReferringPhysicianName"))
    burned_in = _text(dataset.get("BurnedInAnnotation"), 3).upper()
    if burned_in in ("YES", "NO"):
        header.BurnedInAnnotation = burned_in
    for name in LOSSY:
        if str(dataset.get("LossyImageCompression") or "") == "01" and dataset.get(name) not in (None, ""):
            header[name] = dataset[name]
    return header


def _text(value: Any, length: int) -> str:
    """Return a text unchanged, or "" if it does not fit. A shortened id could be the id of another patient."""
    text = value.strip() if isinstance(value, str) else ""  # not a list of values, nor bytes of a wrong VR
    return text if len(text) <= length and text.isprintable() and "\\" not in text else ""


def _name(value: Any) -> PersonName:
    """Return a name, or an empty one if it exceeds three groups of five parts and 64 characters (PS3.5, 6.2)."""
    groups = str(value or "").strip().split("=")
    printable = all(char.isprintable() and char != "\\" for group in groups for char in group)
    fits = len(groups) <= 3 and all(len(group) <= 64 and group.count("^") <= 4 for group in groups)
    return PersonName("=".join(groups) if printable and fits else "")


def _date(value: Any) -> str:
    text = str(value or "").strip().replace(".", "")
    try:
        date.fromisoformat(text)
    except ValueError:
        return ""
    return text if len(text) == 8 else ""


def _time(value: Any) -> str:
    text = str(value or "").strip().replace(":", "")
    return text if _TIME.fullmatch(text) else ""


def _number(value: Any) -> int:
    """Return the instance number, or 1 if it is missing or does not fit the VR IS."""
    text = str(value if value is not None else "").strip()
    return int(text) if re.fullmatch(r"\d{1,9}", text) else 1
