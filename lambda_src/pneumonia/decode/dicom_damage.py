"""Find out why a DICOM file could not be decoded. This runs only after decoding has failed. The messages quote nothing
from the header except the name of a standard transfer syntax."""

from typing import Final

from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

TRUNCATED: Final = "The DICOM file is truncated: it ends before its pixels are complete. Send the whole file."

_EXPORT = "Export it uncompressed, or as JPEG 2000 or PNG."


def why_no_pixels(dataset: Dataset) -> str:
    """Return why a data set that was read completely has no PixelData."""
    if not dataset:
        return "The DICOM file contains no data set: it was cut off in transfer. Send the whole file."
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        return (
            "The DICOM file contains floating-point pixels, which are not supported. Send the FOR PRESENTATION image."
        )
    if dataset.get("Rows") and dataset.get("Columns"):
        return (
            "The DICOM file describes an image but contains no pixels: it was cut off in transfer, or the pixels were "
            "left out. Send the whole file."
        )
    return "The DICOM file contains no pixel data. Send the image, not a report or a reference to it."


def why_undecodable(dataset: Dataset | None, *, cut: bool) -> str:
    """Return a sentence that says what is wrong with the file, and one that tells the sender what to do.

    `dataset`: None if it could not be read. `cut`: whether its last element extends beyond the end of the file.
    """
    if dataset is None:
        return (
            "The DICOM file cannot be read: its elements are damaged, or it was cut off in transfer. Send the whole "
            "file again, or export it again."
        )
    if cut:
        return TRUNCATED
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    if syntax.is_private or syntax.name == syntax or not syntax.is_transfer_syntax:
        return f"The DICOM file has a transfer syntax that is not part of the standard. {_EXPORT}"
    try:
        readable = get_decoder(syntax).is_available
    except NotImplementedError:
        readable = False
    if not readable:
        return f"The DICOM file is compressed as {syntax.name}, which is not supported. {_EXPORT}"
    if syntax.is_encapsulated:
        return f"The pixels of the DICOM file ({syntax.name}) are damaged or incomplete. {_EXPORT}"
    if _has_too_few_bytes(dataset):
        return "The DICOM file contains fewer pixels than its header says: it is truncated or damaged. Export it again."
    return "The DICOM file is damaged: its header and its pixels do not match. Export it again."


def _has_too_few_bytes(dataset: Dataset) -> bool:
    try:
        count = int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel") or 1)
        return len(dataset.PixelData) < count * int(dataset.BitsAllocated) // 8
    except Exception:  # pydicom raises almost anything on damaged elements
        return False
