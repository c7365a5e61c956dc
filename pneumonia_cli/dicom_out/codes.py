"""All codes of the reports. Standard codes are used where they exist. Private codes are defined only here."""

from collections.abc import Mapping
from typing import Any, Final

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from pneumonia_cli.reporting.conclusion import triage_words
from pneumonia_cli.reporting.verdict import caveat_of

SCHEME: Final = "99PNEUMONIA"
SCHEME_NAME: Final = "Codes of the pneumonia triage of chest X-rays"

SYSTEMS: Final = {
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
    "SCT": "http://snomed.info/sct",
    "UCUM": "http://unitsofmeasure.org",
    SCHEME: "urn:uuid:0c2f6a52-9f0e-5b52-8d43-6a1f0b7f2d11",
}
"""The FHIR system for each coding scheme of DICOM and HL7 v2."""

PNEUMONIA: Final = Code("233604007", "SCT", "Pneumonia")
PNEUMONIA_IN_RADLEX: Final = Code("RID5350", "RADLEX", "pneumonia")
LUNG: Final = codes.SCT.Lung
CHEST_RADIOGRAPHY: Final = Code("399208008", "SCT", "Plain X-ray of chest")
REPORT: Final = codes.DCM.ImagingMeasurementReport
IMAGING_STUDY: Final = Code("18748-4", "LN", "Diagnostic imaging study")
SOFTWARE: Final = Code("706689003", "SCT", "Application program software")
PERCENT: Final = Code("%", "UCUM", "percent")
STUDY_UID: Final = codes.DCM.StudyInstanceUID
PROBABILITY: Final = codes.DCM.Probability
THRESHOLD: Final = codes.DCM.ThresholdValue
NO_UNITS: Final = codes.UCUM.NoUnits
DEVICE: Final = codes.DCM.Device
COMMENT: Final = codes.DCM.Comment
PROCESSING_SUMMARY: Final = codes.DCM.CADProcessingAndFindingsSummary
NOTHING_SUCCEEDED: Final = codes.DCM.NoAlgorithmsSucceededWithoutFindings
SOURCE_IMAGE: Final = codes.DCM.SourceImageForImageProcessingOperation
YES: Final = codes.SCT.Yes
NO: Final = codes.SCT.No
UNKNOWN: Final = codes.SCT.Unknown

# Private codes. A code value has at most 16 characters, a meaning at most 64 (PS3.3, 8.8).
TRIAGE: Final = Code("TRIAGE", SCHEME, "Triage")
OPERATING_POINT: Final = Code("LABEL", SCHEME, "Label at the threshold")
OUTSIDE_POPULATION: Final = Code("OUTSIDE", SCHEME, "Outside of the population the model was trained on")
PREVALENCE: Final = Code("PREVALENCE", SCHEME, "Share of pneumonia among the X-rays of the reader")
AT_PREVALENCE: Final = Code("AT-PREVALENCE", SCHEME, "Probability of pneumonia at that share")
FORCED: Final = Code("FORCED", SCHEME, "Prediction forced, even if not an upright chest X-ray")
TRIAGE_REPORT: Final = Code("TRIAGE-REPORT", SCHEME, "Triage of a chest X-ray by a research model, not a diagnosis")
PERCENT_PNEUMONIA: Final = Code("P-PNEUMONIA", SCHEME, "Probability of pneumonia, as a research model gives it")
SHARE: Final = Code("SHARE", SCHEME, "Share of pneumonia that the probability holds for")
LABEL_THRESHOLD: Final = Code("THRESHOLD", SCHEME, "Threshold of the model's label, not of a normal range")
CONCLUSION: Final = Code("CONCLUSION", SCHEME, "What the research model says, in words")
IMAGE_UID: Final = Code("IMAGE-UID", SCHEME, "SOP Instance UID of the image")
MODEL: Final = Code("MODEL", SCHEME, "Research model: name, version, sha256")
REFUSAL: Final = Code("REFUSAL", SCHEME, "Reason why nothing was predicted")

TRIAGES: Final = {
    "likely_normal": "T-NORMAL",
    "indeterminate": "T-INDETERMINATE",
    "likely_pneumonia": "T-PNEUMONIA",
}
"""Code values of the triage. Their meanings are the words of the command line."""

CAVEATS: Final = {
    "outside": Code("T-OUTSIDE", SCHEME, "No triage: X-ray unlike those used for training"),
    "forced": Code("T-FORCED", SCHEME, "No triage: forced, may not be an upright chest X-ray"),
}
"""Codes that replace the triage in FHIR and HL7 v2, if none of the model's figures applies to the prediction."""

LABELS: Final = {
    "normal": Code("L-NORMAL", SCHEME, "Probability below the threshold"),
    "pneumonia": Code("L-PNEUMONIA", SCHEME, "Probability at the threshold or above"),
}

REFUSALS: Final = {
    "blank_image": Code("R-BLANK", SCHEME, "The image is blank"),
    "for_processing": Code("R-PROCESSING", SCHEME, "The image is meant for processing, not for reading"),
    "missing_image": Code("R-MISSING", SCHEME, "The file holds no image"),
    "multi_frame": Code("R-MULTI-FRAME", SCHEME, "The file holds several images"),
    "not_a_chest_xray": Code("R-NO-CHEST", SCHEME, "The image is not a chest X-ray"),
    "not_a_radiograph": Code("R-NO-RADIOGRAPH", SCHEME, "The image is not a radiograph"),
    "processing_failed": Code("R-FAILED", SCHEME, "The image could not be processed"),
    "too_large": Code("R-TOO-LARGE", SCHEME, "The image is too large"),
    "too_small": Code("R-TOO-SMALL", SCHEME, "The image is too small"),
    "took_too_long": Code("R-TOO-LONG", SCHEME, "The image took too long to decode"),
    "undecodable_image": Code("R-UNDECODABLE", SCHEME, "The image could not be decoded"),
    "unsupported_format": Code("R-FORMAT", SCHEME, "Unsupported image format"),
    "wrong_orientation": Code("R-ORIENTATION", SCHEME, "The image is rotated or upside down"),
}
NOT_SENT: Final = "burned_in_annotation"
"""Code of a refusal by the gateway: the image was not sent to the service."""
REFUSALS[NOT_SENT] = Code("R-NOT-SENT", SCHEME, "Not sent: text may be burnt into the image")
OTHER_REFUSAL: Final = Code("R-OTHER", SCHEME, "Another reason, see the comment")


def triage_code(result: Mapping[str, Any]) -> Code:
    """Return the code of the triage of a prediction, or of the caveat that replaces it in FHIR and HL7 v2."""
    caveat = caveat_of(result)
    if caveat is not None:
        return CAVEATS[caveat]
    return Code(TRIAGES.get(str(result["triage"]), "T-OTHER"), SCHEME, triage_words(result))
