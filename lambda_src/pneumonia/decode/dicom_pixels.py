"""Stored values of a DICOM image to grey as a viewer would show it (DICOM PS3.4, N.2: the grayscale pipeline)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import openjpeg
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
)

from pneumonia.decode.dicom_values import check_fragments, number
from pneumonia.decode.grey_range import Range, film_range, luma, scale_to_grey, within
from pneumonia.decode.image import BLANK_SPREAD, EIGHT_BITS, Depth, Window
from pneumonia.decode.jpeg12 import BITS, decode_12_bits
from pneumonia.decode.jpeg_header import EXTENDED, read_jpeg_header
from pneumonia.decode.limits import Limits
from pneumonia.decode.lookup import Table, table_of
from pneumonia.decode.own_depth import Samples, to_samples
from pneumonia.decode.stored_bits import check_bits, stored_values
from pneumonia.decode.voi import apply_window, edges, window_of
from pneumonia.errors import TooLarge, UndecodableImage

GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
COLOUR = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})

LOSSY = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000})

DESCRIPTION = ("Rows", "Columns", "BitsAllocated", "BitsStored")
"""Elements without which pixels cannot be read."""

MOST_LOST = 0.1
"""Share of the middle of a film that its window may turn to plain white. Of 1,073 films of two hospitals one has more
than a twentieth of white. A window that whitens more may have been chosen for one part of the film. It is ignored all
the same: what it whitens is lost to the model, and the film's own range loses nothing (docs/formats.md)."""
EVEN = 0.05
"""Share of a film's range to either side of their median in which the values of an even area lie: its noise."""


@dataclass(frozen=True)
class Grey:
    """`pixels`: uint8 ``[rows, columns]``, bright where the film is. `window`: the one that was applied, if any.
    `stored`: the values of a film as they were stored; None for colour."""

    pixels: NDArray[np.uint8]
    photometric_interpretation: str
    window: Window | None
    inverted: bool
    warnings: tuple[str, ...]
    stored: NDArray[Any] | None = None


def to_grey(dataset: Dataset, limits: Limits) -> Grey:
    """The first frame as it is meant to be shown. Raises TooLarge, UndecodableImage, and what the decoders raise."""
    _check_size(dataset, limits)
    photometric = str(dataset.get("PhotometricInterpretation") or "").strip().upper()
    if not photometric:
        raise UndecodableImage(
            "The DICOM file does not say whether its lowest value is black or white (PhotometricInterpretation is "
            "missing). Export it as MONOCHROME2."
        )
    stored = _stored(dataset, photometric)
    if photometric == "PALETTE COLOR":
        if "SegmentedRedPaletteColorLookupTableData" in dataset:
            # A few bytes of it can stand for gigabytes.
            raise UndecodableImage("A segmented palette in a DICOM file is not read. Export the film as MONOCHROME2.")
        colours = apply_color_lut(stored, dataset)
        return Grey(luma(colours, deep=colours.dtype.itemsize > 1), photometric, None, False, ())
    if photometric in COLOUR and stored.ndim == 3:
        # pydicom has turned the YBR forms into RGB already.
        return Grey(luma(stored, deep=stored.dtype.itemsize > 1), photometric, None, False, ())
    if photometric not in GREY or stored.ndim != 2:
        raise UndecodableImage("The DICOM file has no usable photometric interpretation. Export it as MONOCHROME2.")
    inverted = photometric == "MONOCHROME1"
    pixels, window, found = _shown(stored, dataset, white=0 if inverted else 255)
    return Grey(255 - pixels if inverted else pixels, photometric, window, inverted, found, stored)


def samples_of(dataset: Dataset, grey: Grey) -> tuple[Samples, Depth]:
    """What `to_grey` made 8 bits of, at its own depth: padding as dark as the film, bright where the film is."""
    if grey.stored is None:
        return grey.pixels, EIGHT_BITS
    film, values = _film(grey.stored, dataset), _values(grey.stored, dataset)
    own = film_range(values, film)
    shown = own if grey.window is None else within(edges(grey.window), own)
    bits, slope = int(dataset.BitsStored), 1.0
    if _table(dataset, "ModalityLUTSequence") is not None:
        numbers, bits = np.rint(values).astype(np.int32), 0
    else:
        # A line does not change which values there are: the stored ones are whole.
        numbers = grey.stored
        slope, intercept = number(dataset.get("RescaleSlope")) or 1.0, number(dataset.get("RescaleIntercept")) or 0.0
        low, high = sorted((edge - intercept) / slope for edge in shown)
        shown = low, high
    if film.any() and not film.all():
        numbers = np.where(film, numbers, numbers[film].min() if slope > 0 else numbers[film].max())
    return to_samples(numbers, shown, bits, negative=grey.inverted != (slope < 0))


def _check_size(dataset: Dataset, limits: Limits) -> None:
    """Compare what the header says, and what the compressed stream says, with the limits."""
    missing = [name for name in DESCRIPTION if dataset.get(name) in (None, "")]
    if missing:
        raise UndecodableImage(
            f"The DICOM file does not say how its pixels are stored ({', '.join(missing)} missing). Export it anew."
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
        raise UndecodableImage("The compressed image has another size than the DICOM header says: it is damaged.")
    if components != samples:
        raise UndecodableImage("The compressed image has another number of colours than the DICOM header says.")


def _stored(dataset: Dataset, photometric: str) -> NDArray[Any]:
    """The stored values of the first frame, [rows, columns] or with the colours as last axis."""
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    if photometric not in GREY:
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


def _shown(
    stored: NDArray[Any], dataset: Dataset, white: int
) -> tuple[NDArray[np.uint8], Window | None, tuple[str, ...]]:
    """Modality LUT or rescale, then VOI LUT, window, or the range of what is not padding. `white`: 0 or 255."""
    values, film = _values(stored, dataset), _film(stored, dataset)
    own = film_range(values, film)
    # What lies beyond the film's own range would be cut by any window.
    inside = film & (values > own[0])
    inside &= values < own[1]
    table = _table(dataset, "VOILUTSequence")
    if table is not None:
        looked_up = table.look_up(values)
        declared = 0.0, float(2**table.bits - 1)
        grey = _masked(scale_to_grey(looked_up, *within(declared, film_range(looked_up, film))), film)
        if _fits(grey, film, _lost(grey, values, inside, white, own)):
            return grey, None, ()
    window = window_of(dataset.get("WindowCenter"), dataset.get("WindowWidth"), dataset.get("VOILUTFunction"))
    if window is not None:
        grey = _masked(apply_window(values, window, own), film)
        if _fits(grey, film, _lost(grey, values, inside, white, own)):
            return grey, window, ()
    # A window or table that shows nothing was not made for this image.
    ignored = "WindowWidth" in dataset or bool(dataset.get("VOILUTSequence"))
    return _masked(scale_to_grey(values, *own), film), None, ("window_ignored",) if ignored else ()


def _fits(grey: NDArray[np.uint8], film: NDArray[np.bool_], lost: float) -> bool:
    """Whether a window or table was made for the film: it shows something, and loses little of it."""
    low, high = np.percentile(grey[film] if film.any() else grey, [1, 99])
    return bool(high - low >= BLANK_SPREAD and lost <= MOST_LOST)


def _lost(
    grey: NDArray[np.uint8], values: NDArray[np.float32], inside: NDArray[np.bool_], white: int, own: Range
) -> float:
    """Share of the middle of a film that is plain white and had greys of its own.

    An even area has none: an unexposed border, of which a window rightly makes white, has no more than its noise. What
    is black is not counted: air is, and a window may show none of it.
    """
    rows, columns = grey.shape
    middle = np.s_[rows // 10 : rows - rows // 10, columns // 10 : columns - columns // 10]
    whitened = values[middle][inside[middle] & (grey[middle] == white)]
    share = float(whitened.size / max(1, grey[middle].size))
    if share <= MOST_LOST:
        return share
    even = np.abs(whitened - np.median(whitened)) <= EVEN * (own[1] - own[0])
    return share * float(1 - even.mean())


def _values(stored: NDArray[Any], dataset: Dataset) -> NDArray[np.float32]:
    """What the stored values stand for: modality LUT, or slope and intercept, which may be there and be empty."""
    table = _table(dataset, "ModalityLUTSequence")
    if table is not None:
        return table.look_up(stored)
    slope, intercept = number(dataset.get("RescaleSlope")), number(dataset.get("RescaleIntercept"))
    return stored.astype(np.float32) * np.float32(slope or 1) + np.float32(intercept or 0)


def _table(dataset: Dataset, sequence: str) -> Table | None:
    return table_of(dataset.get(sequence), big_endian=dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian)


def _film(stored: NDArray[Any], dataset: Dataset) -> NDArray[np.bool_]:
    """Where the image is: not padding (PS3.3 C.7.5.1.1.2), which may be one value or a range of them."""
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return np.ones(stored.shape, dtype=bool)
    last = dataset.get("PixelPaddingRangeLimit", first)
    low, high = sorted((_stored_integer(first, dataset), _stored_integer(last, dataset)))
    return np.asarray((stored < low) | (stored > high))


def _stored_integer(value: Any, dataset: Dataset) -> int:
    """A padding value in the sign of the pixels: it is often written unsigned beside signed ones."""
    number, bits = int(value), int(dataset.BitsAllocated)
    signed = int(dataset.get("PixelRepresentation") or 0) == 1
    return number - (1 << bits) if signed and number >= 1 << (bits - 1) else number


def _masked(grey: NDArray[np.uint8], film: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Padding is the darkest that the film has, whichever way round the film is."""
    if film.all() or not film.any():
        return grey
    return np.where(film, grey, grey[film].min())
