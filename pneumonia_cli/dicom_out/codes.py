"""Every code that the reports use. Standard ones where they exist; the private ones are in this table alone."""

from typing import Final

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

SCHEME: Final = "99PNEUMONIA"
SCHEME_NAME: Final = "Codes of the pneumonia triage of chest X-rays"

PNEUMONIA: Final = Code("233604007", "SCT", "Pneumonia")
PNEUMONIA_IN_RADLEX: Final = Code("RID5350", "RADLEX", "pneumonia")
LUNG: Final = codes.SCT.Lung
CHEST_RADIOGRAPHY: Final = Code("399208008", "SCT", "Plain X-ray of chest")
REPORT: Final = codes.DCM.ImagingMeasurementReport
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
PREVALENCE: Final = Code("PREVALENCE", SCHEME, "Share of pneumonia among the films of the reader")
AT_PREVALENCE: Final = Code("AT-PREVALENCE", SCHEME, "Probability of pneumonia at that share")
FORCED: Final = Code("FORCED", SCHEME, "Predicted by force, whatever the image shows")
REFUSAL: Final = Code("REFUSAL", SCHEME, "Reason why nothing was predicted")

TRIAGES: Final = {
    "likely_normal": "T-NORMAL",
    "indeterminate": "T-INDETERMINATE",
    "likely_pneumonia": "T-PNEUMONIA",
}
"""Code values of the triage; the meanings are the words of the command line."""

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
    "wrong_orientation": Code("R-ORIENTATION", SCHEME, "The film lies on its side or stands on its head"),
}
NOT_SENT: Final = "burned_in_annotation"
"""The gateway's own refusal: an image that was not sent to the service."""
REFUSALS[NOT_SENT] = Code("R-NOT-SENT", SCHEME, "Not sent: text may be burnt into the image")
OTHER_REFUSAL: Final = Code("R-OTHER", SCHEME, "Another reason, see the comment")
