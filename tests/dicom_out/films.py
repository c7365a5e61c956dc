"""Make DICOM images of an invented patient, and predictions for them, for tests of results and gateway."""

from typing import Any

import numpy as np
from PIL import Image

from pneumonia.model.heatmap import overlay
from pneumonia_cli.dicom_out.answer import Answer
from tests.unit.decode.conftest import dataset_of, encoded, film12

HEADER: dict[str, Any] = {
    "SpecificCharacterSet": "ISO_IR 192",
    "PatientName": "ZZFAMILY^ZZGIVEN",
    "PatientID": "ZZID-4711",
    "PatientBirthDate": "20190523",
    "PatientSex": "F",
    "PatientAge": "005Y",
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.77.1",
    "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.77.2",
    "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.77.3",
    "StudyDate": "20240917",
    "StudyTime": "081533",
    "AccessionNumber": "ZZACC-8",
    "StudyID": "ZZSTUDY-5",
    "ReferringPhysicianName": "ZZDOCTOR^ZZFIRST",
    "StudyDescription": "ZZDESCRIPTION of the study",
    "InstitutionName": "ZZHOSPITAL",
    "ViewPosition": "AP",
    "BodyPartExamined": "CHEST",
    "InstanceNumber": 4,
}
MODEL = {"name": "tiny", "version": "1.2.3", "sha256": "ab" * 32}


def dicom_film(**elements: Any) -> bytes:
    """Return a CR image of an invented child of five. Set elements by keyword; None omits an element."""
    syntax = elements.pop("syntax", None)
    pixels = elements.pop("pixels", None)
    chosen = () if syntax is None else (syntax,)
    return encoded(dataset_of(film12() if pixels is None else pixels, *chosen, **{**HEADER, **elements}))


def make_heatmap() -> bytes:
    """Return the overlay of an image of 400 x 300 pixels with heat at its lower right."""
    image = Image.fromarray(np.tile(np.linspace(30, 220, 400).astype(np.uint8), (300, 1)))
    heat = np.zeros((6, 6), np.float32)
    heat[4:, 4:] = 1.0
    return overlay(image, heat)


def prediction(**fields: Any) -> dict[str, Any]:
    """Return the fields of a prediction as the service returns them."""
    return {
        "normal": 0.2,
        "pneumonia": 0.8,
        "label": "pneumonia",
        "triage": "likely_pneumonia",
        "threshold": 0.36,
        "model": MODEL,
        "in_training_population": True,
        "forced": False,
        "image": {"warnings": [], "sop_instance_uid": HEADER["SOPInstanceUID"]},
        "notice": "Research use only: triage support, never a diagnosis. A radiologist must read every X-ray.",
        **fields,
    }


def refusal(code: str = "not_a_chest_xray") -> Answer:
    """Return a refusal by the gate."""
    fields = {"code": code, "title": "The image is not a chest X-ray", "detail": "Send a frontal chest radiograph."}
    return Answer(fields, MODEL, force=False)
