"""Measure which values of an image become black and white when it is converted to 8 bits.

The range that a file declares (by its depth, window or table) may be much wider than the values of the X-ray. Single
pixels, markers and borders may have values far outside those of the X-ray. The range is therefore measured on the
pixels, in a way that ignores outliers.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pneumonia.decode.image import BORDER
from pneumonia.decode.strips import in_strips

Values = NDArray[Any]
Mask = NDArray[np.bool_]
Range = tuple[float, float]

QUANTILES = (0.01, 0.99)
HEADROOM = 0.06
"""Share of the range between the quantiles that is added on either side, if the image has values there. The model's
input has room for these values (`model.preprocess`)."""
LEAST_USE = 0.5
"""Share of a declared range that the image must fill. Otherwise the measured range is used."""
SAMPLES = 1_000_000
"""Maximum number of values to examine, taken in even steps."""
EVEN_SHARE = 0.01
EVEN_DEPTH = 0.5
"""An area is even if its values, with their noise, span less than this share of the range of the X-ray."""


def middle_of(values: Values) -> tuple[slice, slice]:
    """Return slices of the middle of an image [rows, columns], away from borders and labels. In a large image the
    slices skip pixels in even steps, to limit the number of values."""
    rows, columns = values.shape
    top, left = int(rows * BORDER), int(columns * BORDER)
    step = max(1, int(np.ceil(np.sqrt(values.size / SAMPLES))))
    return slice(top, rows - top, step), slice(left, columns - left, step)


def film_range(values: Values, mask: Mask | None = None) -> Range:
    """Return the lowest and the highest value that the X-ray shows. `values`: real numbers [rows, columns].

    The range goes from the 1st to the 99th percentile of the middle, with HEADROOM on either side if the image has
    values there. An even area, such as a shutter or an undeclared border, is left out if it is far from all other
    values: the gap must be larger than their range. `mask` is False for padding. Returns (0, 0) if there is no value.
    """
    middle = middle_of(values)
    if not values.size or (mask is not None and not mask.any()):
        return 0.0, 0.0
    where = True if mask is None else mask  # selecting the values would copy a large image
    highest = values.max()
    least = float(values.min(where=where, initial=highest))
    most = float(values.max(where=where, initial=least))
    sample = values[middle].ravel() if mask is None else values[middle][mask[middle]]
    if not sample.size:
        return least, most
    for extreme in (least, most):
        sample = _without(extreme, sample)
    low, high = _quantiles(sample)
    headroom = HEADROOM * (high - low)
    return max(least, low - headroom), min(most, high + headroom)


def _without(extreme: float, sample: Values) -> Values:
    """Remove `extreme` from the sample if few pixels have it and it is far from all others. Such values are defective
    pixels or a marker, and would shift the quantiles."""
    others = sample[sample != extreme]
    if others.size == sample.size or others.size < (1 - EVEN_SHARE) * sample.size:
        return sample
    low, dark, bright, high = np.quantile(others, [0.001, *QUANTILES, 0.999])
    gap = max(low - extreme, extreme - high)
    return others if gap > HEADROOM * (bright - dark) else sample


def _quantiles(sample: Values) -> Range:
    ordered = np.sort(sample, axis=None).astype(np.float64)
    for _ in range(2):  # a border on the dark side, and one on the bright side
        steps = ordered[np.linspace(0, max(0, ordered.size - 1), 101).astype(int)] if ordered.size else ordered
        if not ordered.size or steps[0] == steps[-1]:
            break
        # Find the widest step between consecutive percentiles. A border has noise, so its pixels are not all equal.
        widest = int(np.argmax(np.diff(steps)))
        place = int(np.searchsorted(ordered, (steps[widest] + steps[widest + 1]) / 2))
        dark, bright = ordered[:place], ordered[place:]
        if _is_border(bright, dark):
            ordered = dark
        elif _is_border(dark, bright):
            ordered = bright
        else:
            break
    return _at(ordered)


def _at(ordered: NDArray[np.float64]) -> Range:
    if not ordered.size:
        return 0.0, 0.0
    low, high = np.interp(np.multiply(QUANTILES, ordered.size - 1), np.arange(ordered.size), ordered)
    return float(low), float(high)


def _is_border(border: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    """Return whether `border` is an even area, and the gap to `others` is larger than the range of `others`."""
    edges, shown = _at(border), _at(others)
    depth, gap = shown[1] - shown[0], max(edges[0] - shown[1], shown[0] - edges[1])
    large = others.size > (border.size + others.size) * EVEN_SHARE
    return large and depth > 0 and gap > depth and edges[1] - edges[0] < EVEN_DEPTH * depth


def within(declared: Range, measured: Range) -> Range:
    """Return the range to show for a window or table. This is the declared range, or its overlap with the measured
    range if the image fills less than LEAST_USE of the declared range."""
    common = max(declared[0], measured[0]), min(declared[1], measured[1])
    fills = common[1] - common[0] >= LEAST_USE * (declared[1] - declared[0])
    return declared if fills or common[1] <= common[0] else common


@in_strips
def scale_to_grey(values: Values, low: float, high: float) -> NDArray[np.uint8]:
    """Scale `values` from [low, high] to 0..255, clipped. The result is black if the range is empty."""
    if not high > low:
        return np.zeros(values.shape, dtype=np.uint8)
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(255.0 / (high - low))
    return np.asarray(np.rint(np.clip(scaled, 0, 255)), dtype=np.uint8)


def luma(colours: Values, *, deep: bool) -> NDArray[np.uint8]:
    """Convert colour [rows, columns, 3 or more], uint8 or uint16, to grey (ITU-R 601-2). `deep`: scale by the measured
    range."""
    if not deep:
        return np.asarray(Image.fromarray(colours[..., :3].astype(np.uint8)).convert("L"))
    grey = colours[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return scale_to_grey(grey, *film_range(grey))
