"""Why a DICOM file could not be decoded. Looked at only once that has failed. Nothing of the header is quoted but the
name of a transfer syntax of the standard."""

from typing import Final

from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

TRUNCATED: Final = (
    "The DICOM file is truncated: it ends before its pixels do. It was cut in transfer. Send the whole file."
)

_EXPORT = "Export it uncompressed, or as JPEG 2000 or PNG."


def why_no_pixels(dataset: Dataset) -> str:
    """Of a data set that was read to its end and has no PixelData."""
    if not dataset:
        return "The DICOM file ends after its beginning: it was cut in transfer. Send the whole file."
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        return "The DICOM file holds floating-point pixels, which no radiograph has. Export the image FOR PRESENTATION."
    if dataset.get("Rows") and dataset.get("Columns"):
        return (
            "The DICOM file describes an image, but ends without its pixels: it was cut in transfer, or they were left "
            "out. Send the whole file."
        )
    return "The DICOM file holds no pixel data. Send the image, not a report or a reference to it."


def why_undecodable(dataset: Dataset | None, *, cut: bool) -> str:
    """A sentence for whoever sent the file, and one on what to do. `dataset`: None if not even that could be read;
    `cut`: whether its last element goes on beyond the end of the file."""
    if dataset is None:
        return (
            "The DICOM file cannot be read: its elements are damaged, or it was cut in transfer. Send the whole file "
            "again, or export it again."
        )
    if cut:
        return TRUNCATED
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    if syntax.is_private or syntax.name == syntax or not syntax.is_transfer_syntax:
        return f"The DICOM file has a transfer syntax that is none of the standard's. {_EXPORT}"
    try:
        readable = get_decoder(syntax).is_available
    except NotImplementedError:
        readable = False
    if not readable:
        return f"The DICOM file is compressed as {syntax.name}, which is not read. {_EXPORT}"
    if syntax.is_encapsulated:
        return f"The pixels of the DICOM file ({syntax.name}) are damaged or incomplete. {_EXPORT}"
    if _has_too_few_bytes(dataset):
        return "The DICOM file holds fewer pixels than its header says: it is truncated or damaged. Export it again."
    return "The DICOM file is damaged: its header and its pixels do not fit together. Export it again."


def _has_too_few_bytes(dataset: Dataset) -> bool:
    try:
        count = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel") or 1)
        return len(dataset.PixelData) < count * int(dataset.BitsAllocated) // 8
    except Exception:  # pydicom raises almost anything on elements that are damaged themselves
        return False
