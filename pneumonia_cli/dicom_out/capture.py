"""Make the Secondary Capture: the picture of the heatmap as an instance of the study."""

from typing import Any

import highdicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pneumonia_cli.dicom_out import codes
from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.equipment import MANUFACTURER, PICTURE_SERIES
from pneumonia_cli.dicom_out.picture import draw
from pneumonia_cli.dicom_out.source import LOSSY, Source
from pneumonia_cli.dicom_out.uids import derived


def secondary_capture(source: Source, answer: Answer) -> Dataset:
    """Return the picture of a prediction with its heatmap, as a separate series in the study of the source."""
    header, model = source.header, answer.model
    identity = model["sha256"], answer.choices
    capture = highdicom.sc.SCImage(
        draw(answer),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        # A placeholder, emptied below. The picture combines X-ray, legend and text, so it has no orientation.
        patient_orientation=("L", "F"),
        study_instance_uid=source.study_instance_uid,
        series_instance_uid=derived("picture series", source.series_instance_uid, *identity),
        series_number=PICTURE_SERIES,
        sop_instance_uid=derived("picture", source.sop_instance_uid, *identity),
        instance_number=source.instance_number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=model["name"][:64],
        software_versions=model["version"][:64],
        patient_id=header.PatientID,
        patient_birth_date=header.PatientBirthDate or None,
        patient_sex=header.PatientSex or None,
        accession_number=header.AccessionNumber,
        study_id=header.StudyID,
        study_date=header.StudyDate or None,
        study_time=header.StudyTime or None,
        series_description="Pneumonia triage: heatmap",
        specific_character_set="ISO_IR 192",
    )
    _complete(capture, source)
    return capture


def _complete(capture: Any, source: Source) -> None:
    """Set the attributes that highdicom does not set."""
    header = source.header
    capture.copy_patient_and_study_information(header)
    # The names are set here, since the constructor of highdicom warns about some names and quotes them.
    capture.PatientName, capture.ReferringPhysicianName = header.PatientName, header.ReferringPhysicianName
    capture.PatientOrientation = None
    capture.Laterality = None
    capture.ConversionType = "WSD"
    capture.DerivationDescription = "Heatmap of the evidence for pneumonia over the X-ray. Research use only."
    capture.SeriesDate, capture.SeriesTime = capture.InstanceCreationDate, capture.InstanceCreationTime
    capture.ContentDate, capture.ContentTime = capture.InstanceCreationDate, capture.InstanceCreationTime
    for name in ("BurnedInAnnotation", *LOSSY):
        if name in header:
            capture[name] = header[name]
    reference = Dataset()
    reference.ReferencedSOPClassUID = source.sop_class_uid
    reference.ReferencedSOPInstanceUID = source.sop_instance_uid
    reference.PurposeOfReferenceCodeSequence = Sequence([highdicom.sr.CodedConcept.from_code(codes.SOURCE_IMAGE)])
    capture.SourceImageSequence = Sequence([reference])
