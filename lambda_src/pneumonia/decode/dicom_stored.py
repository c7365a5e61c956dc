"""The stored values of a DICOM image: what the header says of them, whether it may be decoded, and the decoding."""

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
    """Compare what the header says, and what the compressed stream says, with the limits."""
    missing = [name for name in DESCRIPTION if dataset.get(name) in (None, "")]
    if missing:
        raise UndecodableImage(
            f"The DICOM file does not say how its pixels are stored ({', '.join(missing)} missing). Export it again."
        )
    check_bits(dataset)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if rows * columns > limits.max_image_pixels:
        raise TooLarge(f"The image has {columns} x {rows} pixels, the limit is {limits.max_image_pixels} in all.")
    frames, samples = int(dataset.get("NumberOfFrames") or 1), int(dataset.get("SamplesPerPixel") or 1)
    # Twelve bytes a pixel: stored values, and float32 twice on the way through the LUTs.
    if rows * columns * samples * (frames * int(dataset.BitsAllocated) // 8 + 12) > limits.max_decoded_bytes:
        raise TooLarge(f"The image takes more than {limits.max_decoded_bytes} bytes unpacked. Send a smaller one.")
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    if syntax.is_encapsulated:
        check_fragments(dataset.PixelData, frames, limits)
        _check_codestream(next(generate_frames(dataset.PixelData, number_of_frames=frames)), dataset, syntax, samples)


def _check_codestream(stream: bytes, dataset: Dataset, syntax: UID, samples: int) -> None:
    """What the compressed stream says of itself must be what the limits were compared with."""
    if syntax in JPEG2000TransferSyntaxes:
        found = openjpeg.utils.get_parameters(stream)
        size, components = (int(found["rows"]), int(found["columns"])), int(found["samples_per_pixel"])
    elif syntax in JPEGTransferSyntaxes or syntax in JPEGLSTransferSyntaxes:
        header = read_jpeg_header(stream)
        size, components = (header.rows, header.columns), header.components
        if header.precision <= 8 < int(dataset.BitsAllocated):
            # Written for pixels that were stored in two bytes, and decoded into one.
            dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, header.precision, header.precision - 1
    else:
        return
    if size != (int(dataset.Rows), int(dataset.Columns)):
        raise UndecodableImage(
            "The compressed image has another size than the DICOM header says: it is damaged. Export it again."
        )
    if components != samples:
        raise UndecodableImage(
            "The compressed image has another number of colours than the DICOM header says. Export it again."
        )


def read_stored(dataset: Dataset, *, grey: bool) -> NDArray[Any]:
    """The stored values of the first frame, [rows, columns] or with the colours as last axis (`grey` false)."""
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    if not grey:
        return pixel_array(dataset, index=0)
    # pydicom would clear the bits above the stored ones, wherever these are.
    cells = _extended(dataset, syntax)
    if cells is None:
        cells = pixel_array(dataset, index=0, correct_unused_bits=False)
    if syntax in LOSSY and cells.dtype.kind == "u":
        # A sample a little brighter than the brightest is the compression's doing: it must not become black.
        return np.asarray(np.minimum(cells, cells.dtype.type(2 ** int(dataset.BitsStored) - 1)))
    return stored_values(cells, dataset)


def _extended(dataset: Dataset, syntax: UID) -> NDArray[Any] | None:
    """The cells of a film in 12-bit JPEG extended; None if it is none."""
    if syntax not in JPEGTransferSyntaxes:
        return None
    stream = next(generate_frames(dataset.PixelData, number_of_frames=1))
    header = read_jpeg_header(stream)
    if header.marker != EXTENDED or header.precision != BITS or header.components != 1:
        return None
    cells = decode_12_bits(stream, header)
    return cells.astype(np.int16) if int(dataset.get("PixelRepresentation") or 0) == 1 else cells
