"""Check what the header says about the stored values of a DICOM image, and decode these values."""

from typing import Any

import numpy as np
import openjpeg
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    JPEG2000,
    UID,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
)

from pneumonia.decode.dicom_values import check_fragments
from pneumonia.decode.jpeg12 import BITS, decode_12_bits
from pneumonia.decode.jpeg_header import EXTENDED, read_jpeg_header
from pneumonia.decode.limits import Limits
from pneumonia.decode.stored_bits import check_bits, stored_values
from pneumonia.errors import TooLarge, UndecodableImage

LOSSY = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000})

DESCRIPTION = ("Rows", "Columns", "BitsAllocated", "BitsStored")
"""Elements without which pixels cannot be read."""


def check_size(dataset: Dataset, limits: Limits) -> None:
    """Compare the sizes in the header and in the compressed stream with the limits.

    Raises TooLarge, UndecodableImage.
    """
    missing = [name for name in DESCRIPTION if dataset.get(name) in (None, "")]
    if missing:
        raise UndecodableImage(
            f"The DICOM file does not say how its pixels are stored ({', '.join(missing)} missing). "
            "Export the image again."
        )
    check_bits(dataset)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if rows * columns > limits.max_image_pixels:
        raise TooLarge(
            f"The image has {columns} x {rows} pixels, more than the limit of {limits.max_image_pixels}. "
            "Send a smaller image."
        )
    frames, samples = int(dataset.get("NumberOfFrames") or 1), int(dataset.get("SamplesPerPixel") or 1)
    # Twelve more bytes per pixel: float32 values, the entries of a LUT, a mask, and grey levels, with some reserve.
    if rows * columns * samples * (frames * int(dataset.BitsAllocated) // 8 + 12) > limits.max_decoded_bytes:
        raise TooLarge(
            f"The image needs more than {limits.max_decoded_bytes} bytes of memory when decoded. Send a smaller image."
        )
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    if syntax.is_encapsulated:
        check_fragments(dataset.PixelData, frames, limits)
        _check_codestream(next(generate_frames(dataset.PixelData, number_of_frames=frames)), dataset, syntax, samples)


def _check_codestream(stream: bytes, dataset: Dataset, syntax: UID, samples: int) -> None:
    """Check that the compressed stream has the size that was compared with the limits. Raises UndecodableImage."""
    if syntax in JPEG2000TransferSyntaxes:
        found = openjpeg.utils.get_parameters(stream)
        size, components = (int(found["rows"]), int(found["columns"])), int(found["samples_per_pixel"])
    elif syntax in JPEGTransferSyntaxes or syntax in JPEGLSTransferSyntaxes:
        header = read_jpeg_header(stream)
        size, components = (header.rows, header.columns), header.components
        if header.precision <= 8 < int(dataset.BitsAllocated):
            # The header describes two bytes per pixel, but the stream decodes into one.
            dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, header.precision, header.precision - 1
    else:
        return
    if size != (int(dataset.Rows), int(dataset.Columns)):
        raise UndecodableImage(
            "The file is damaged: the compressed image and the DICOM header differ in size. Export the image again."
        )
    if components != samples:
        raise UndecodableImage(
            "The file is damaged: the compressed image and the DICOM header differ in their number of colours. "
            "Export the image again."
        )


def read_stored(dataset: Dataset, *, grey: bool) -> NDArray[Any]:
    """Return the stored values of the first frame: [rows, columns], with a last axis for colours unless `grey`."""
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    if not grey:
        return pixel_array(dataset, index=0)
    # pydicom must not correct unused bits: it would clear those above the stored ones without looking at HighBit.
    cells = _extended(dataset, syntax)
    if cells is None:
        cells = pixel_array(dataset, index=0, correct_unused_bits=False)
    if syntax in LOSSY and cells.dtype.kind == "u":
        # Lossy compression can return samples above the brightest value. They must not wrap around to black.
        return np.asarray(np.minimum(cells, cells.dtype.type(2 ** int(dataset.BitsStored) - 1)))
    return stored_values(cells, dataset)


def _extended(dataset: Dataset, syntax: UID) -> NDArray[Any] | None:
    """Return the cells of an image in 12-bit JPEG extended, or None for any other image."""
    if syntax not in JPEGTransferSyntaxes:
        return None
    stream = next(generate_frames(dataset.PixelData, number_of_frames=1))
    header = read_jpeg_header(stream)
    if header.marker != EXTENDED or header.precision != BITS or header.components != 1:
        return None
    cells = decode_12_bits(stream, header)
    return cells.astype(np.int16) if int(dataset.get("PixelRepresentation") or 0) == 1 else cells
