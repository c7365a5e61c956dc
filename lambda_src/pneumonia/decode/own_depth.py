"""The values of a film as samples of a grey PNG, at the depth that they have: for viewers that choose their own window.

Samples of fewer than 8 or 16 bits are moved up to the top, as the PNG standard advises (12.4): every viewer shows them
as bright as they are, and the values come back by moving them down again.
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
    """Samples of a film, and what is known of them.

    Args:
        values: whole or real numbers [rows, columns]. Whole ones are kept exactly if they need 16 bits at most,
            others are scaled to 16 bits.
        shown: the values that are shown as black and as white, before `negative`.
        bits: how many bits a value has, 1..16, if the file says so; values that need more get more.
        negative: the lowest value is white.

    Returns:
        uint8 or uint16 [rows, columns], the higher the brighter; and their depth.
    """
    least, most = values.min(), values.max()
    if values.dtype.kind == "f" or int(most) - int(least) >= 2**MOST_BITS:
        scale = (2**MOST_BITS - 1) / ((float(most) - float(least)) or 1.0)
        moved = np.rint((values.astype(np.float32) - np.float32(least)) * np.float32(scale))
        samples, bits = np.clip(moved, 0, 2**MOST_BITS - 1).astype(np.uint16), MOST_BITS
        edges = [(edge - float(least)) * scale for edge in shown]
    else:
        # Values that begin at 0 and have room stay as they are; others begin at their least one.
        base = 0 if least >= 0 and most < 2**MOST_BITS else int(least)
        bits = min(MOST_BITS, max(bits, 1, (int(most) - base).bit_length()))
        size = np.dtype(np.uint8 if bits <= 8 else np.uint16)
        shift = 8 * size.itemsize - bits
        # Whole numbers wrap around on the way, and are right at the end.
        samples = (values.astype(size) - size.type(base % (1 << 8 * size.itemsize))) << size.type(shift)
        edges = [(edge - base) * (1 << shift) for edge in shown]
    top = int(np.iinfo(samples.dtype).max)
    black, white = (int(min(max(round(edge), 0), top)) for edge in edges)
    if negative:
        samples, black, white = top - samples, top - white, top - black
    return samples, Depth(bits, black, max(white, black))
