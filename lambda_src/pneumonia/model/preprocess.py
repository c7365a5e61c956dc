"""The one preprocessing of training, evaluation and serving: change it and all three change together."""

import numpy as np
import numpy.typing as npt
from PIL import Image

REDUCED_TO_AT_LEAST = 2
"""How many times the model's input a film keeps on each side when its decoder reduces it. Resizing then still averages
over 2 x 2 pixels or more, and the input is that of the whole film to a fifth of a grey level (bench/README.md)."""


def enough_pixels(height: int, width: int) -> int:
    """The shorter side of a film, in pixels, from which on more of them change nothing for an input of that size."""
    return REDUCED_TO_AT_LEAST * max(height, width)


def reduce_while_decoding(image: Image.Image, enough: int) -> None:
    """Let an opened JPEG unpack to grey, and to a half, a quarter or an eighth of its size, as long as both sides keep
    `enough` pixels. Other formats cannot; nothing happens to them. To be called before the pixels are loaded.

    libjpeg leaves out the high frequencies of each block (its scaled inverse DCT), which costs less than unpacking
    them, and counting and averaging them away.
    """
    image.draft("L", (enough, enough))


_MARGIN = 0.1
_QUANTILES = (0.01, 0.99)
_STRETCHED_TO = (13.0, 242.0)
_LEAST_RANGE = 16.0


def stretched(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Map the robust grey range of a picture, uint8 [H, W], to 13..242; what lies beyond keeps its order, then clips.

    The range is that from the 1st to the 99th percentile of the middle 80% of each side, so that neither single
    pixels nor markers, borders or shutters decide how bright the lungs are. Windows, look-up tables and bit depths of
    the file then make no difference to the model.
    """
    height, width = grey.shape
    top, left = int(height * _MARGIN), int(width * _MARGIN)
    counts = np.bincount(grey[top : height - top, left : width - left].ravel(), minlength=256)
    # A level stands for the values half a step to either side, so that the range moves smoothly with the pixels.
    below = np.concatenate(([0], np.cumsum(counts)))
    low, high = np.interp(np.multiply(_QUANTILES, below[-1]), below, np.arange(257) - 0.5)
    darkest, brightest = _STRETCHED_TO
    gain = (brightest - darkest) / max(high - low, _LEAST_RANGE)
    table = np.rint(np.clip((np.arange(256) - low) * gain + darkest, 0, 255)).astype(np.uint8)
    return np.asarray(table[grey])


def to_model_input(image: Image.Image, height: int, width: int, *, stretch: bool) -> npt.NDArray[np.uint8]:
    """Resize a whole grey image to the model's input and `stretch` its grey range if the model's card says so.

    Returns uint8 [height, width, 1].

    Pillow's BILINEAR averages over the source area when it reduces (antialiasing), so film size matters
    little. Films of four times the input and more are first reduced by whole factors, as `reduce_while_decoding`
    has it done for JPEG: the same film gives nearly the same input in every format (docs/formats.md). The aspect
    ratio is not kept: the training films come squashed to a square. Scaling to the network's range is inside the
    ONNX graph. Raises ValueError for a mode other than "L".
    """
    if image.mode != "L":
        raise ValueError(f"to_model_input wants an 8-bit grey image (mode L), not mode {image.mode}.")
    resized = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=REDUCED_TO_AT_LEAST)
    grey = np.asarray(resized, dtype=np.uint8)
    return (stretched(grey) if stretch else grey)[:, :, np.newaxis]
