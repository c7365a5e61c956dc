"""Read the header of a DICOM file within limits, and refuse unsuitable files before any pixel is decoded."""

import re
from typing import Any

from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    DigitalMammographyXRayImageStorageForProcessing,
    DigitalXRayImageStorageForProcessing,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pneumonia.decode.dicom_damage import TRUNCATED, why_no_pixels
from pneumonia.decode.dicom_guard import Encoding, check_elements, inflate
from pneumonia.decode.dicom_values import CountedReads, check_values
from pneumonia.decode.image import UID_PATTERN
from pneumonia.decode.limits import Limits
from pneumonia.errors import ForProcessing, MultiFrame, NotARadiograph, UndecodableImage, UnsupportedFormat

RADIOGRAPHS = frozenset({"CR", "DX", "RG", "OT", "SC"})
"""Modalities (PS3.3 C.7.3.1.1.1) of projection radiographs. OT and SC are captures from a screen or a scanner."""

META_START = 132
"""Start of the file meta group: after the preamble of 128 bytes and the prefix DICM (PS3.10, 7.1)."""

META_GROUP = b"\x02\0"
PIXELS = b"\xe0\x7f\x10\0"
"""The tag of the pixels in little endian, the byte order of every compressed file."""
PIXEL_TAG = 0x7FE00010
NO_MORE_FRAGMENTS = b"\xfe\xff\xdd\xe0\0\0\0\0"

FOR_PROCESSING = frozenset({DigitalXRayImageStorageForProcessing, DigitalMammographyXRayImageStorageForProcessing})
"""SOP classes of images with raw detector values (PS3.3, C.8.11.7.1.1)."""

_UID = re.compile(UID_PATTERN)


def read_file(data: bytes, limits: Limits, *, inflates: bool = True) -> tuple[Dataset, bool]:
    """Check that the structure of a file is within the limits, and read it.

    Return the data set with its meta group, and whether its last element extends beyond the end of the file.

    `dcmread` is not used, because it detects the transfer syntax by other rules, and decompresses a deflated file
    without a limit. If `inflates` is false, a deflated file is refused.

    Raises TooLarge, UndecodableImage, UnsupportedFormat, and, on damaged files, almost any exception from pydicom.
    """
    config.settings.reading_validation_mode = config.IGNORE
    start = META_START if data.startswith(b"DICM", 128) else 0
    # The standard requires explicit encoding in the meta group (PS3.10, 7.1), but some writers use implicit encoding.
    encoding = Encoding.of(data, start) if data.startswith(META_GROUP, start) else Encoding(implicit=False)
    body = check_elements(data, start, encoding, limits, group=2)
    meta = read_dataset(CountedReads(data[start:body], limits), encoding.implicit, is_little_endian=True)
    check_values(meta)
    syntax = str(meta.get("TransferSyntaxUID") or "")
    content = data[body:]
    if syntax == DeflatedExplicitVRLittleEndian:
        if not inflates:
            raise UnsupportedFormat(
                "The DICOM data set is deflated, which is not supported here. Send it uncompressed."
            )
        content = inflate(content, limits)
    encoding = Encoding.of(content, 0, syntax == ExplicitVRBigEndian)
    end = check_elements(content, 0, encoding, limits)
    dataset = read_dataset(CountedReads(content, limits), encoding.implicit, not encoding.big_endian)
    if "PixelData" not in dataset and PIXELS in content and end == len(content):
        # All fragments are present. Only the delimiter after the last fragment is missing.
        dataset = read_dataset(CountedReads(content + NO_MORE_FRAGMENTS, limits), encoding.implicit, True)
    check_values(dataset)
    dataset.file_meta = FileMetaDataset(meta)
    if not syntax:
        # Without a meta group, the pixels are not compressed, and the elements show the encoding (PS3.5, 10.1).
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if encoding.implicit else ExplicitVRLittleEndian
    return dataset, end > len(content)


def check_header(dataset: Dataset, limits: Limits, *, cut: bool, shown_only: bool = False) -> list[str]:
    """Refuse a file by its header, before any pixel is decoded. Return warning codes.

    `cut`: as `read_file` returned it. `shown_only`: the image is displayed, not predicted, so any modality, raw
    detector values and several frames are accepted. Raises ForProcessing, MultiFrame, NotARadiograph, UndecodableImage.
    """
    modality = str(dataset.get("Modality") or "").strip().upper()
    sop_class = str(dataset.get("SOPClassUID") or "").strip()
    if modality and modality not in RADIOGRAPHS and not shown_only:
        raise NotARadiograph(
            "The modality of the DICOM file is not radiography. Send a frontal chest X-ray "
            f"(modality {', '.join(sorted(RADIOGRAPHS))})."
        )
    raw = "PROCESSING" in str(dataset.get("PresentationIntentType") or "").upper() or sop_class in FOR_PROCESSING
    if raw and not shown_only:
        raise ForProcessing(
            "The DICOM file is FOR PROCESSING: it contains raw detector values, not an image for reading. "
            "Send the FOR PRESENTATION image of the same exposure."
        )
    if cut and max(dataset.keys(), default=PIXEL_TAG) <= PIXEL_TAG:
        raise UndecodableImage(TRUNCATED)
    if "PixelData" not in dataset:
        raise UndecodableImage(why_no_pixels(dataset))
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > limits.max_frames and not shown_only:
        raise MultiFrame(
            f"The DICOM file contains {frames} frames, but the limit is {limits.max_frames}. "
            "Send each image as a separate file."
        )
    found = [] if modality else ["modality_unknown"]
    if str(dataset.get("BurnedInAnnotation") or "").strip().upper() == "YES":
        found.append("burned_in_annotation")
    if frames > 1:
        found.append("first_of_several_frames")
    return found


def uid_of(value: Any) -> str | None:
    """Return the text of a valid UID, else None, because any other text might be a patient's name."""
    text = str(value or "").strip()
    return text if _UID.match(text) else None
