"""Convert the values of an image to samples of a grey PNG at their own depth, for viewers with a window control.

Samples of fewer than 8 or 16 bits are shifted to the highest bits, as the PNG standard advises (12.4). Every viewer
then shows the right brightness, and shifting the samples back gives the values.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumonia.decode.grey_range import Range
from pneumonia.decode.image import Depth

Samples = NDArray[np.uint8] | NDArray[np.uint16]

MOST_BITS = 16


def to_samples(
    values: NDArray[Any], shown: Range, bits: int = 0, *, negative: bool = False
) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], Depth]:
    """Return the samples of an image, and their depth.

    Args:
        values: integers or real numbers [rows, columns]. Integers are kept exactly if their range needs at most 16
            bits. All other values are scaled to 16 bits.
        shown: the values that are shown as black and as white, before `negative` is applied.
        bits: bits of a value, 1..16, or 0 if the file does not state them. Values that need more bits get more.
        negative: the lowest value is white.

    Returns:
        uint8 or uint16 [rows, columns], where higher is brighter, and their depth.
    """
    least, most = values.min(), values.max()
    if values.dtype.kind == "f" or int(most) - int(least) >= 2**MOST_BITS:
        scale = (2**MOST_BITS - 1) / ((float(most) - float(least)) or 1.0)
        moved = np.rint((values.astype(np.float32) - np.float32(least)) * np.float32(scale))
        samples, bits = np.clip(moved, 0, 2**MOST_BITS - 1).astype(np.uint16), MOST_BITS
        edges = [(edge - float(least)) * scale for edge in shown]
    else:
        # Non-negative values of at most 16 bits stay unchanged. All others are shifted so that the lowest becomes 0.
        base = 0 if least >= 0 and most < 2**MOST_BITS else int(least)
        bits = min(MOST_BITS, max(bits, 1, (int(most) - base).bit_length()))
        size = np.dtype(np.uint8 if bits <= 8 else np.uint16)
        shift = 8 * size.itemsize - bits
        # Intermediate integers may wrap around; the final values are right.
        samples = (values.astype(size) - size.type(base % (1 << 8 * size.itemsize))) << size.type(shift)
        edges = [(edge - base) * (1 << shift) for edge in shown]
    top = int(np.iinfo(samples.dtype).max)
    black, white = (int(min(max(round(edge), 0), top)) for edge in edges)
    if negative:
        samples, black, white = top - samples, top - white, top - black
    return samples, Depth(bits, black, max(white, black))
