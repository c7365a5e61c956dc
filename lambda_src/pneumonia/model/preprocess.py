"""The preprocessing that training, evaluation and serving share. A change here affects all three."""

import numpy as np
import numpy.typing as npt
from PIL import Image

REDUCED_TO_AT_LEAST = 2
"""Smallest ratio between each side of a reduced image and the model's input. Resizing then still averages 2 x 2 pixels
or more. On average, the input differs from that of the full image by less than a fifth of a grey level
(bench/README.md)."""


def enough_pixels(height: int, width: int) -> int:
    """Return how many pixels the shorter side of an image needs. More pixels hardly change an input of this size."""
    return REDUCED_TO_AT_LEAST * max(height, width)


def reduce_while_decoding(image: Image.Image, enough: int) -> None:
    """Make an opened JPEG decode to grey, at a half, a quarter or an eighth of its size, as long as both sides keep
    `enough` pixels. Call this before the pixels are loaded. Images of other formats stay unchanged.

    libjpeg skips the high frequencies of each block (its scaled inverse DCT). This takes less time than decoding all
    pixels and then averaging them.
    """
    image.draft("L", (enough, enough))


_MARGIN = 0.1
_QUANTILES = (0.01, 0.99)
_STRETCHED_TO = (13.0, 242.0)
_LEAST_RANGE = 16.0


def stretched(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Map the robust grey range of an image, uint8 [H, W], to 13..242. Values beyond the range are scaled in the same
    way, and clipped to 0..255.

    The range goes from the 1st to the 99th percentile of the middle of the image (80% of each side). Single pixels,
    markers, borders and shutters therefore do not affect how bright the lungs are. Windows, lookup tables and the bit
    depth of the file make no difference to the model.
    """
    height, width = grey.shape
    top, left = int(height * _MARGIN), int(width * _MARGIN)
    counts = np.bincount(grey[top : height - top, left : width - left].ravel(), minlength=256)
    # Each grey level represents the values within half a step to either side, so that the range changes smoothly with
    # the pixels.
    below = np.concatenate(([0], np.cumsum(counts)))
    low, high = np.interp(np.multiply(_QUANTILES, below[-1]), below, np.arange(257) - 0.5)
    darkest, brightest = _STRETCHED_TO
    gain = (brightest - darkest) / max(high - low, _LEAST_RANGE)
    table = np.rint(np.clip((np.arange(256) - low) * gain + darkest, 0, 255)).astype(np.uint8)
    return np.asarray(table[grey])


def to_model_input(image: Image.Image, height: int, width: int, *, stretch: bool) -> npt.NDArray[np.uint8]:
    """Resize a grey image to the model's input, and `stretch` its grey range if the model's card says so.

    Returns uint8 [height, width, 1]. Raises ValueError for a mode other than "L".

    Pillow's BILINEAR averages over the source area when it reduces (antialiasing), so the size of the image matters
    little. Images of at least four times the size of the input are first reduced by whole factors, as
    `reduce_while_decoding` does for JPEG. The same image therefore gives nearly the same input in every format
    (docs/formats.md). The aspect ratio is not kept, because the training images are squashed to a square. The ONNX
    graph itself scales the values to the range of the network.
    """
    if image.mode != "L":
        raise ValueError(f"to_model_input requires an 8-bit grey image (mode L), not mode {image.mode}.")
    resized = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=REDUCED_TO_AT_LEAST)
    grey = np.asarray(resized, dtype=np.uint8)
    return (stretched(grey) if stretch else grey)[:, :, np.newaxis]
