"""Convert the stored values of a DICOM image to the grey levels that a viewer shows (DICOM PS3.4, N.2)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import ExplicitVRBigEndian

from pneumonia.decode.dicom_stored import check_size, read_stored
from pneumonia.decode.dicom_values import number
from pneumonia.decode.grey_range import Mask, Range, film_range, luma, middle_of, scale_to_grey, within
from pneumonia.decode.image import BLANK_SPREAD, EIGHT_BITS, Depth, Window
from pneumonia.decode.limits import Limits
from pneumonia.decode.lookup import Table, table_of
from pneumonia.decode.own_depth import Samples, to_samples
from pneumonia.decode.voi import apply_window, edges, window_of
from pneumonia.errors import UndecodableImage

GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
COLOUR = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})

MOST_LOST = 0.1
"""Largest share of the middle of an image that its window may turn plain white. A window that whitens more is ignored,
even if it was chosen for one part of the body. The model would not see the whitened part. The measured range of the
image is used instead, because it loses nothing (docs/formats.md). Of 1,073 images of two hospitals, one has more than
5% of white."""
EVEN = 0.02
"""Largest noise of an even area: all its values are within this share of the image's range from their median."""
MOSTLY = 0.5
"""If an even area contains more than this share of the whitened values, its values do not count as lost. Otherwise all
whitened values count as lost. In 161 images, a window whitens the brightest fifth; in 18 of them this fifth is even."""


@dataclass(frozen=True)
class Grey:
    """`pixels`: uint8 ``[rows, columns]``, bright where the X-ray is. `window`: the window that was applied, if any.
    `stored`: the stored values of the image, if they were requested; None for colour."""

    pixels: NDArray[np.uint8]
    photometric_interpretation: str
    window: Window | None
    inverted: bool
    warnings: tuple[str, ...]
    stored: NDArray[Any] | None = None


def to_grey(dataset: Dataset, limits: Limits, *, keep_stored: bool = False) -> Grey:
    """Return the first frame as it is meant to be displayed, and remove the pixels from the data set.

    Raises TooLarge, UndecodableImage, and what the decoders raise.
    """
    check_size(dataset, limits)
    photometric = str(dataset.get("PhotometricInterpretation") or "").strip().upper()
    if not photometric:
        raise UndecodableImage(
            "The DICOM file does not say whether its lowest value is black or white (PhotometricInterpretation is "
            "missing). Export the image as MONOCHROME2."
        )
    stored = read_stored(dataset, grey=photometric in GREY)
    del dataset.PixelData  # an uncompressed image is large, and everything below needs memory
    if photometric == "PALETTE COLOR":
        if "SegmentedRedPaletteColorLookupTableData" in dataset:
            # A few bytes of a segmented palette can expand to gigabytes.
            raise UndecodableImage(
                "The DICOM file has a segmented palette, which is not supported. Export the image as MONOCHROME2."
            )
        colours = apply_color_lut(stored, dataset)
        return Grey(luma(colours, deep=colours.dtype.itemsize > 1), photometric, None, False, ())
    if photometric in COLOUR and stored.ndim == 3:
        # pydicom has already converted the YBR forms to RGB.
        return Grey(luma(stored, deep=stored.dtype.itemsize > 1), photometric, None, False, ())
    if photometric not in GREY or stored.ndim != 2:
        raise UndecodableImage(
            "The DICOM file has no usable photometric interpretation. Export the image as MONOCHROME2."
        )
    inverted = photometric == "MONOCHROME1"
    values, mask = _values(stored, dataset), _mask(stored, dataset)
    kept = stored if keep_stored else None
    del stored
    pixels, window, found = _shown(values, mask, dataset, white=0 if inverted else 255)
    return Grey(255 - pixels if inverted else pixels, photometric, window, inverted, found, kept)


def samples_of(dataset: Dataset, grey: Grey) -> tuple[Samples, Depth]:
    """Return the image of `to_grey` at its own depth, and that depth. Padding is as dark as the darkest value."""
    if grey.stored is None:
        return grey.pixels, EIGHT_BITS
    mask, values = _mask(grey.stored, dataset), _values(grey.stored, dataset)
    own = film_range(values, mask)
    shown = own if grey.window is None else within(edges(grey.window), own)
    bits, slope = int(dataset.BitsStored), 1.0
    if _table(dataset, "ModalityLUTSequence") is not None:
        numbers, bits = np.rint(values).astype(np.int32), 0
    else:
        # Slope and intercept only rescale the values, so the stored integers are kept.
        numbers = grey.stored
        slope, intercept = number(dataset.get("RescaleSlope")) or 1.0, number(dataset.get("RescaleIntercept")) or 0.0
        low, high = sorted((edge - intercept) / slope for edge in shown)
        shown = low, high
    negative = grey.inverted != (slope < 0)
    if mask is not None and mask.any() and not mask.all():
        numbers = np.where(mask, numbers, numbers[mask].max() if negative else numbers[mask].min())
    return to_samples(numbers, shown, bits, negative=negative)


def _shown(
    values: NDArray[Any], mask: Mask | None, dataset: Dataset, white: int
) -> tuple[NDArray[np.uint8], Window | None, tuple[str, ...]]:
    """Convert values to grey with the VOI LUT, the window or, if neither fits, the range of all values except padding.
    Also return the window that was applied, and warning codes. `white`: the grey level that is displayed as white, 0 or
    255."""
    own = film_range(values, mask)
    table = _table(dataset, "VOILUTSequence")
    if table is not None:
        looked_up = table.look_up(values)
        declared = 0.0, float(2**table.bits - 1)
        grey = _masked(scale_to_grey(looked_up, *within(declared, film_range(looked_up, mask))), mask, white)
        del looked_up
        if _fits(grey, mask, _lost(grey, values, mask, white, own)):
            return grey, None, ()
    window = window_of(dataset.get("WindowCenter"), dataset.get("WindowWidth"), dataset.get("VOILUTFunction"))
    if window is not None:
        grey = _masked(apply_window(values, window, own), mask, white)
        if _fits(grey, mask, _lost(grey, values, mask, white, own)):
            return grey, window, ()
    # A window or table that hides this image belongs to another one. A warning says that it was ignored.
    ignored = "WindowWidth" in dataset or bool(dataset.get("VOILUTSequence"))
    return _masked(scale_to_grey(values, *own), mask, white), None, ("window_ignored",) if ignored else ()


def _fits(grey: NDArray[np.uint8], mask: Mask | None, lost: float) -> bool:
    """Return whether a window or table fits the image: the result is not blank, and little of the image is lost."""
    low, high = np.percentile(grey if mask is None or not mask.any() else grey[mask], [1, 99])
    return bool(high - low >= BLANK_SPREAD and lost <= MOST_LOST)


def _lost(grey: NDArray[np.uint8], values: NDArray[Any], mask: Mask | None, white: int, own: Range) -> float:
    """Return the share of the middle of an image that lost its detail: different values became plain white.

    Even areas do not count: an unexposed border has only noise, and a window may turn it white. Black does not count
    either: air is black, and a window need not show air.
    """
    middle = middle_of(grey)
    lost = grey[middle] == white
    if mask is not None:
        lost &= mask[middle]
    whitened = values[middle][lost]
    # Values beyond the range of the image do not count, because any window clips them.
    whitened = whitened[(whitened > own[0]) & (whitened < own[1])]
    share = float(whitened.size / max(1, lost.size))
    if share <= MOST_LOST:
        return share
    even = float((np.abs(whitened - np.median(whitened)) <= EVEN * (own[1] - own[0])).mean())
    return share * (1 - even) if even > MOSTLY else share


def _values(stored: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """Apply the modality LUT, or slope and intercept, which may be present but empty. Return float32, or `stored` if
    this changes no value."""
    table = _table(dataset, "ModalityLUTSequence")
    if table is not None:
        return table.look_up(stored).astype(np.float32)
    slope, intercept = number(dataset.get("RescaleSlope")) or 1, number(dataset.get("RescaleIntercept")) or 0
    if (slope, intercept) == (1, 0) and stored.dtype.itemsize <= 2:
        return stored  # a copy in float32 would take twice its memory
    return stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def _table(dataset: Dataset, sequence: str) -> Table | None:
    return table_of(dataset.get(sequence), big_endian=dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian)


def _mask(stored: NDArray[Any], dataset: Dataset) -> Mask | None:
    """Return a mask that is False for padding (PS3.3 C.7.5.1.1.2: one value or a range); None if none is declared."""
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return None
    last = dataset.get("PixelPaddingRangeLimit", first)
    low, high = sorted((_stored_integer(first, dataset), _stored_integer(last, dataset)))
    return np.asarray((stored < low) | (stored > high))


def _stored_integer(value: Any, dataset: Dataset) -> int:
    """Return a padding value with the sign of the pixels: it is often written unsigned where the pixels are signed."""
    number, bits = int(value), int(dataset.BitsAllocated)
    signed = int(dataset.get("PixelRepresentation") or 0) == 1
    return number - (1 << bits) if signed and number >= 1 << (bits - 1) else number


def _masked(grey: NDArray[np.uint8], mask: Mask | None, white: int) -> NDArray[np.uint8]:
    """Give padding the grey level of the image that is displayed darkest. `white`: see `_shown`."""
    if mask is None or mask.all() or not mask.any():
        return grey
    return np.where(mask, grey, grey[mask].min() if white else grey[mask].max())
