"""Bytes to an image: finds out which format they have and calls its decoder."""

from pneumonia.decode.formats import NAMES, sniff
from pneumonia.decode.image import DecodedImage
from pneumonia.decode.limits import Limits
from pneumonia.decode.raster import decode_raster
from pneumonia.errors import MissingImage, TooLarge


def decode(data: bytes, limits: Limits, enough: int | None = None, *, own_depth: bool = False) -> DecodedImage:
    """Decode an image by its content; file names and Content-Type are never looked at.

    `enough`: a JPEG may be unpacked at reduced size as long as both sides keep so many pixels; None keeps them all.
    `own_depth`: the picture for a viewer. Its samples have up to 16 bits, and what is in it is not asked: of several
    frames it is the first one, and other modalities and images for processing are decoded as well.
    The limit of time holds for JPEG, PNG and BMP here; for every format it does in `isolated.decode_in_time`.
    Raises MissingImage (no bytes), TooLarge (anything over the limits), UnsupportedFormat, UndecodableImage
    (truncated or damaged), TookTooLong, MultiFrame, NotARadiograph (a DICOM file of another modality), ForProcessing.
    """
    if not data:
        raise MissingImage(f"The image is empty (0 bytes). Send the bytes of a file ({', '.join(NAMES)}).")
    if len(data) > limits.max_image_bytes:
        raise TooLarge(f"The image has {len(data)} bytes, the limit is {limits.max_image_bytes}. Send a smaller file.")
    kind = sniff(data)
    if kind.plugin is None:
        # Imported when the first DICOM file arrives: pydicom takes longer to import than everything else here, and
        # most callers send pictures.
        from pneumonia.decode.dicom import decode_dicom

        return decode_dicom(data, limits, own_depth=own_depth)
    return decode_raster(data, kind, limits, enough, own_depth=own_depth)
