"""Decode bytes to an image: detect the format and call its decoder."""

from pneumonia.decode.formats import NAMES, sniff
from pneumonia.decode.image import DecodedImage
from pneumonia.decode.limits import Limits
from pneumonia.decode.raster import decode_raster
from pneumonia.errors import MissingImage, TooLarge


def decode(data: bytes, limits: Limits, enough: int | None = None, *, own_depth: bool = False) -> DecodedImage:
    """Decode an image by its content. File names and Content-Type are ignored.

    `enough`: a JPEG may be decoded at reduced size as long as both sides keep this many pixels; None keeps them all.
    `own_depth`: decode for a viewer, with samples of up to 16 bits. The content is not checked: the first of several
    frames is decoded, and other modalities and images for processing are accepted.

    The time limit applies here to JPEG, PNG and BMP only. In `isolated.decode_in_time` it applies to every format.

    Raises MissingImage (no bytes), TooLarge (anything over the limits), UnsupportedFormat, UndecodableImage (truncated
    or damaged), TookTooLong, MultiFrame, NotARadiograph (a DICOM file of another modality), ForProcessing.
    """
    if not data:
        raise MissingImage(f"The image is empty (0 bytes). Send the content of an image file ({', '.join(NAMES)}).")
    if len(data) > limits.max_image_bytes:
        raise TooLarge(
            f"The image has {len(data)} bytes, but the limit is {limits.max_image_bytes}. Send a smaller file."
        )
    kind = sniff(data)
    if kind.plugin is None:
        # Imported when the first DICOM file arrives, because most callers send other formats, and pydicom takes longer
        # to import than everything else here.
        from pneumonia.decode.dicom import decode_dicom

        return decode_dicom(data, limits, own_depth=own_depth)
    return decode_raster(data, kind, limits, enough, own_depth=own_depth)
