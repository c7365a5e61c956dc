"""Find every value in a DICOM file that could identify the patient: every text, date and UID, at any depth."""

from collections.abc import Iterator

from pydicom.dataset import Dataset

ALLOWED = {
    "SOPClassUID", "TransferSyntaxUID", "MediaStorageSOPClassUID", "Modality", "PhotometricInterpretation",
    "VOILUTFunction", "PresentationLUTShape", "PresentationIntentType", "WindowCenter", "WindowWidth",
    "RescaleIntercept", "RescaleSlope", "LossyImageCompressionRatio", "NumberOfFrames", "ImplementationVersionName",
}  # fmt: skip
"""Elements that may leave the hospital: they describe the pixels, or the library that wrote the file."""
STANDARD_UIDS = "1.2.840.10008."
"""Prefix of UIDs of classes and encodings, which are the same in every hospital."""
SHORTEST = 4
SHORTEST_NUMBER = 6
"""Fewest bytes of a value, and of one with only digits. Shorter values occur by chance in pixels and UIDs."""
_TEXTS = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}


def needles(dataset: Dataset) -> set[bytes]:
    """Return every identifying value, and each part of a name, as bytes in Latin-1 and in UTF-8."""
    found: set[bytes] = set()
    for text in _texts(dataset):
        for part in {text, *text.replace("=", "^").split("^")}:
            for encoding in ("utf-8", "latin-1"):
                needle = part.strip().encode(encoding, "ignore")
                if len(needle) >= (SHORTEST_NUMBER if needle.isdigit() else SHORTEST):
                    found.add(needle)
    return found


def _texts(dataset: Dataset) -> Iterator[str]:
    meta = getattr(dataset, "file_meta", None)
    if meta is not None:
        yield from _texts(meta)
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _texts(item)
        elif element.VR in _TEXTS and element.keyword not in ALLOWED:
            values = element.value if element.VM > 1 else [element.value]
            yield from (
                str(value) for value in values if value not in (None, "") and not str(value).startswith(STANDARD_UIDS)
            )
        elif element.VR == "UN" and element.value:  # private elements in a file with implicit VR
            yield from element.value.decode("latin-1").strip("\0 ").split("\\")
