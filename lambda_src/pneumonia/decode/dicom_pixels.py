"""Stored values of a DICOM image to grey as a viewer would show it (DICOM PS3.4, N.2: the grayscale pipeline)."""

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
"""Share of the middle of a film that its window may turn to plain white. Of 1,073 films of two hospitals one has more
than a twentieth of white. A window that whitens more may have been chosen for one part of the film. It is ignored all
the same: what it whitens is lost to the model, and the film's own range loses nothing (docs/formats.md)."""
EVEN = 0.02
"""Share of a film's range to either side of their median in which the values of an even area lie: its noise."""
MOSTLY = 0.5
"""Share of the whitened values that lie in there at least, or all of them are film. Of 161 films whose brightest fifth
a window whitens, 18 have such an even fifth."""


@dataclass(frozen=True)
class Grey:
    """`pixels`: uint8 ``[rows, columns]``, bright where the film is. `window`: the one that was applied, if any.
    `stored`: the values of a film as they were stored, if they are wanted; None for colour."""

    pixels: NDArray[np.uint8]
    photometric_interpretation: str
    window: Window | None
    inverted: bool
    warnings: tuple[str, ...]
    stored: NDArray[Any] | None = None


def to_grey(dataset: Dataset, limits: Limits, *, keep_stored: bool = False) -> Grey:
    """The first frame as it is meant to be shown. Takes the pixels out of the data set.

    Raises TooLarge, UndecodableImage, and what the decoders raise.
    """
    check_size(dataset, limits)
    photometric = str(dataset.get("PhotometricInterpretation") or "").strip().upper()
    if not photometric:
        raise UndecodableImage(
            "The DICOM file does not say whether its lowest value is black or white (PhotometricInterpretation is "
            "missing). Export it as MONOCHROME2."
        )
    stored = read_stored(dataset, grey=photometric in GREY)
    del dataset.PixelData  # a plain film is large, and everything below needs memory of its own
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
    values, film = _values(stored, dataset), _film(stored, dataset)
    kept = stored if keep_stored else None
    del stored
    pixels, window, found = _shown(values, film, dataset, white=0 if inverted else 255)
    return Grey(255 - pixels if inverted else pixels, photometric, window, inverted, found, kept)


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
    if film is not None and film.any() and not film.all():
        numbers = np.where(film, numbers, numbers[film].min() if slope > 0 else numbers[film].max())
    return to_samples(numbers, shown, bits, negative=grey.inverted != (slope < 0))


def _shown(
    values: NDArray[np.float32], film: Mask | None, dataset: Dataset, white: int
) -> tuple[NDArray[np.uint8], Window | None, tuple[str, ...]]:
    """VOI LUT, window, or the range of what is not padding. `white`: 0 or 255."""
    own = film_range(values, film)
    table = _table(dataset, "VOILUTSequence")
    if table is not None:
        looked_up = table.look_up(values)
        declared = 0.0, float(2**table.bits - 1)
        grey = _masked(scale_to_grey(looked_up, *within(declared, film_range(looked_up, film))), film)
        del looked_up
        if _fits(grey, film, _lost(grey, values, film, white, own)):
            return grey, None, ()
    window = window_of(dataset.get("WindowCenter"), dataset.get("WindowWidth"), dataset.get("VOILUTFunction"))
    if window is not None:
        grey = _masked(apply_window(values, window, own), film)
        if _fits(grey, film, _lost(grey, values, film, white, own)):
            return grey, window, ()
    # A window or table that shows nothing was not made for this image.
    ignored = "WindowWidth" in dataset or bool(dataset.get("VOILUTSequence"))
    return _masked(scale_to_grey(values, *own), film), None, ("window_ignored",) if ignored else ()


def _fits(grey: NDArray[np.uint8], film: Mask | None, lost: float) -> bool:
    """Whether a window or table was made for the film: it shows something, and loses little of it."""
    low, high = np.percentile(grey if film is None or not film.any() else grey[film], [1, 99])
    return bool(high - low >= BLANK_SPREAD and lost <= MOST_LOST)


def _lost(grey: NDArray[np.uint8], values: NDArray[np.float32], film: Mask | None, white: int, own: Range) -> float:
    """Share of the middle of a film that is plain white and had greys of its own.

    An even area has none: an unexposed border, of which a window rightly makes white, has no more than its noise. What
    is black is not counted: air is, and a window may show none of it.
    """
    middle = middle_of(grey)
    lost = grey[middle] == white
    if film is not None:
        lost &= film[middle]
    whitened = values[middle][lost]
    # What lies beyond the film's own range would be cut by any window.
    whitened = whitened[(whitened > own[0]) & (whitened < own[1])]
    share = float(whitened.size / max(1, lost.size))
    if share <= MOST_LOST:
        return share
    even = float((np.abs(whitened - np.median(whitened)) <= EVEN * (own[1] - own[0])).mean())
    return share * (1 - even) if even > MOSTLY else share


def _values(stored: NDArray[Any], dataset: Dataset) -> NDArray[np.float32]:
    """What the stored values stand for: modality LUT, or slope and intercept, which may be there and be empty."""
    table = _table(dataset, "ModalityLUTSequence")
    if table is not None:
        return table.look_up(stored)
    slope, intercept = number(dataset.get("RescaleSlope")), number(dataset.get("RescaleIntercept"))
    return stored.astype(np.float32) * np.float32(slope or 1) + np.float32(intercept or 0)


def _table(dataset: Dataset, sequence: str) -> Table | None:
    return table_of(dataset.get(sequence), big_endian=dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian)


def _film(stored: NDArray[Any], dataset: Dataset) -> Mask | None:
    """Where the image is: not padding (PS3.3 C.7.5.1.1.2), which is one value or a range of them. None: everywhere."""
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return None
    last = dataset.get("PixelPaddingRangeLimit", first)
    low, high = sorted((_stored_integer(first, dataset), _stored_integer(last, dataset)))
    return np.asarray((stored < low) | (stored > high))


def _stored_integer(value: Any, dataset: Dataset) -> int:
    """A padding value in the sign of the pixels: it is often written unsigned beside signed ones."""
    number, bits = int(value), int(dataset.BitsAllocated)
    signed = int(dataset.get("PixelRepresentation") or 0) == 1
    return number - (1 << bits) if signed and number >= 1 << (bits - 1) else number


def _masked(grey: NDArray[np.uint8], film: Mask | None) -> NDArray[np.uint8]:
    """Padding is the darkest that the film has, whichever way round the film is."""
    if film is None or film.all() or not film.any():
        return grey
    return np.where(film, grey, grey[film].min())
