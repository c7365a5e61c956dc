"""Make the file that leaves the building: a new DICOM file with only the pixels and the elements needed to decode them.

An allowlist decides which elements are copied, so that an unforeseen element is never sent. A text is copied only if it
is one of a few known words. A numeric element is copied only if its value is a number.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless

from pneumonia.decode.dicom_header import RADIOGRAPHS
from pneumonia.decode.dicom_patient import is_of_another_population, view_warnings
from pneumonia_cli.gateway.pseudonyms import Pseudonyms
from pneumonia_cli.gateway.streams import without_comments

_OTHER_MODALITY: Final = "OTHER"
_NUMBERS: Final = re.compile(r"[0-9+\-.eE\\ ]*")
_ENCODING: Final = UID("2.25.285870926138217253064253264893512305527")
"""Implementation class UID of the files that the gateway writes."""

_WHOLE = (
    "SamplesPerPixel", "PlanarConfiguration", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "SmallestImagePixelValue",
    "LargestImagePixelValue", "NumberOfFrames", "WindowCenter", "WindowWidth", "RescaleIntercept", "RescaleSlope",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData", "LossyImageCompressionRatio",
)  # fmt: skip
"""Elements that hold numbers or tables of numbers."""
_LUT = ("LUTDescriptor", "LUTData")
_LUT_SEQUENCES = ("ModalityLUTSequence", "VOILUTSequence")
_WORDS: Final[dict[str, frozenset[str]]] = {
    "PhotometricInterpretation": frozenset(
        {
            "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT",
            "YBR_PARTIAL_420", "YBR_PARTIAL_422",
        }
    ),
    "VOILUTFunction": frozenset({"LINEAR", "LINEAR_EXACT", "SIGMOID"}),
    "PresentationLUTShape": frozenset({"IDENTITY", "INVERSE"}),
    "PresentationIntentType": frozenset({"FOR PRESENTATION", "FOR PROCESSING"}),
    "BurnedInAnnotation": frozenset({"YES", "NO"}),
    "LossyImageCompression": frozenset({"00", "01"}),
    "Modality": frozenset(RADIOGRAPHS),
}  # fmt: skip


class CannotClean(Exception):
    """The gateway cannot parse the file, so no part of it is sent. The message does not quote the file."""


@dataclass(frozen=True)
class Clean:
    """A de-identified image. `data` is the file that may leave the building. Its UIDs are the two pseudonyms.

    Age and view are judged from the header on this machine. Only the conclusions `other_population` and `warnings`
    are kept, in the form in which the service returns them.
    """

    data: bytes
    sop_pseudonym: str
    study_pseudonym: str
    other_population: bool
    warnings: tuple[str, ...]
    burned_in: bool


def deidentified(data: bytes, pseudonyms: Pseudonyms) -> Clean:
    """Return the file that may leave the building, made from a received image. Raises CannotClean."""
    try:
        dataset = dcmread(io.BytesIO(data), force=True)
        sop = pseudonyms.uid(str(dataset.SOPInstanceUID))
        study = pseudonyms.uid(str(dataset.StudyInstanceUID))
        clean = _cleaned(dataset, sop, study)
        stream = io.BytesIO()
        clean.save_as(stream, enforce_file_format=True)
    except Exception as error:  # pydicom raises almost anything on damaged input, and quotes it
        raise CannotClean(
            "The header or the pixels are damaged, or of a kind that the gateway does not accept."
        ) from error
    return Clean(
        stream.getvalue(),
        sop,
        study,
        is_of_another_population(dataset),
        tuple(view_warnings(dataset)),
        str(dataset.get("BurnedInAnnotation") or "").strip().upper() == "YES",
    )


def _cleaned(dataset: Dataset, sop: str, study: str) -> Dataset:
    syntax = UID(str(dataset.file_meta.TransferSyntaxUID))
    if syntax == DeflatedExplicitVRLittleEndian or syntax.is_private:
        raise CannotClean("The gateway does not accept this transfer syntax.")
    clean = Dataset()
    clean.file_meta = FileMetaDataset()
    clean.file_meta.TransferSyntaxUID = syntax
    clean.file_meta.ImplementationClassUID = _ENCODING
    clean.preamble = b"\0" * 128
    if dataset.SOPClassUID.is_private:
        raise CannotClean("The gateway does not accept this SOP class.")
    clean.SOPClassUID = dataset.SOPClassUID
    clean.SOPInstanceUID, clean.StudyInstanceUID = sop, study
    _take(dataset, clean, _WHOLE, _is_number)
    for name, words in _WORDS.items():
        _take(dataset, clean, (name,), lambda value, words=words: str(value).strip().upper() in words)  # type: ignore[misc]
    if str(dataset.get("Modality") or "").strip() and "Modality" not in clean:
        clean.Modality = _OTHER_MODALITY  # the service refuses every modality that is not a radiograph
    for name in _LUT_SEQUENCES:
        tables = [_table(item) for item in dataset.get(name) or []]
        if tables:
            setattr(clean, name, tables)
    _take_pixels(dataset, clean, syntax)
    return clean


def _take(source: Dataset, target: Dataset, names: tuple[str, ...], fits: Callable[[Any], bool]) -> None:
    for name in names:
        if name in source and fits(source[name].value):
            target[name] = source[name]


def _is_number(value: Any) -> bool:
    """Return whether a value is a number, a table of numbers as bytes, or a list of these."""
    if isinstance(value, bytes | int | float) or value is None:
        return True
    if isinstance(value, str):
        return _NUMBERS.fullmatch(value) is not None
    return all(_is_number(one) for one in value)


def _table(item: Dataset) -> Dataset:
    table = Dataset()
    _take(item, table, _LUT, _is_number)
    return table


def _take_pixels(dataset: Dataset, clean: Dataset, syntax: UID) -> None:
    """Copy the pixels. If they are compressed, copy only the frames, and drop the comments in them."""
    if "PixelData" not in dataset:
        return
    if not syntax.is_encapsulated:
        clean.PixelData = dataset.PixelData[: _size_of_pixels(dataset)]
        clean["PixelData"].VR = dataset["PixelData"].VR
        return
    number = int(dataset.get("NumberOfFrames") or 1)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=number))
    if syntax != RLELossless:
        frames = [without_comments(frame) for frame in frames]
    clean.PixelData = encapsulate(frames)
    clean["PixelData"].is_undefined_length = True


def _size_of_pixels(dataset: Dataset) -> int:
    """Return the size of the pixels in bytes, rounded up to an even number. Bytes after them are not pixels."""
    frames = int(dataset.get("NumberOfFrames") or 1)
    bits = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated * frames
    return int(-(-bits // 16) * 2)
