"""Apply the windows of DICOM images: convert values after the modality LUT to grey."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumonia.decode.dicom_values import number
from pneumonia.decode.grey_range import Range, scale_to_grey, within
from pneumonia.decode.image import FUNCTIONS, Window
from pneumonia.decode.strips import in_strips

Values = NDArray[Any]


def window_of(center: Any, width: Any, function: Any) -> Window | None:
    """Return the first window of the file, or None if it cannot be used.

    DICOM leaves the choice among several windows to the reader of the image. Viewers show the first one by default. The
    width must be at least 1 for LINEAR and above 0 for the other functions (PS3.3 C.11.2.1.2).
    """
    middle, extent = number(center), number(width)
    if middle is None or extent is None:
        return None
    found = Window(middle, extent, str(function or "LINEAR").strip().upper())
    least = 1.0 if found.function == "LINEAR" else np.nextafter(0.0, 1.0)
    return found if found.width >= least and found.function in FUNCTIONS else None


@in_strips
def apply_window(values: Values, window: Window, measured: Range) -> NDArray[np.uint8]:
    """Convert `values` to grey 0..255 by the formulas of DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3.

    `measured`: the range of the image's values. If the window is more than twice as wide as this range, only this range
    is shown, because showing the whole window would waste contrast.
    """
    if window.function == "SIGMOID":
        own = _sigmoid(np.array(measured, np.float32), window)
        low, high = within((0.0, 1.0), (float(own[0]), float(own[1])))
        return scale_to_grey(_sigmoid(values, window), low, high)
    if window.function == "LINEAR" and window.width == 1:  # a threshold: the formula would divide by zero
        return np.where(values > window.center - 0.5, np.uint8(255), np.uint8(0))
    return scale_to_grey(values, *within(edges(window), measured))


def edges(window: Window) -> Range:
    """Return the values that a window makes black and white."""
    if window.function == "LINEAR_EXACT":
        return window.center - window.width / 2, window.center + window.width / 2
    return window.center - window.width / 2, window.center + window.width / 2 - 1


def _sigmoid(values: Values, window: Window) -> Values:
    steps = -4 * (values - np.float32(window.center)) / np.float32(window.width)
    return np.asarray(1 / (1 + np.exp(np.clip(steps, -80, 80))), np.float32)
