"""Windows of DICOM images: stored values to grey."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumonia.decode.image import FUNCTIONS, Window
from pneumonia.decode.strips import in_strips

Values = NDArray[np.float32]


def window_of(center: Any, width: Any, function: Any) -> Window | None:
    """The first of the file's windows, or None when there is none that can be used.

    Several are alternatives for the reader to choose from; the first is what a viewer shows. The conditions are those
    of PS3.3 C.11.2.1.2: at least 1 for LINEAR, above 0 for the others.
    """
    try:
        found = Window(float(_first(center)), float(_first(width)), str(function or "LINEAR").strip().upper())
    except (TypeError, ValueError, IndexError):
        return None
    least = 1.0 if found.function == "LINEAR" else np.nextafter(0.0, 1.0)
    usable = np.isfinite(found.center) and np.isfinite(found.width) and found.width >= least
    return found if usable and found.function in FUNCTIONS else None


@in_strips
def apply_window(values: Values, window: Window) -> NDArray[np.uint8]:
    """`values` after the modality LUT to grey 0..255, by the formulas of DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    center, width = np.float32(window.center), np.float32(window.width)
    if window.function == "SIGMOID":
        grey = 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -80, 80)))
    elif window.function == "LINEAR_EXACT":
        grey = (values - center) / width + np.float32(0.5)
    elif width == 1:  # a threshold: the linear formula would divide by zero
        grey = (values > center - np.float32(0.5)).astype(np.float32)
    else:
        grey = (values - (center - np.float32(0.5))) / (width - 1) + np.float32(0.5)
    return np.asarray(np.rint(np.clip(grey, 0, 1) * 255), dtype=np.uint8)


def _first(value: Any) -> Any:
    return value if isinstance(value, str | float | int) else value[0]
