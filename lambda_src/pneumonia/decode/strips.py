"""Convert values to grey a few rows at a time, so that intermediate values take little memory."""

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

import numpy as np
from numpy.typing import NDArray

STRIP_VALUES = 2**18

Rest = ParamSpec("Rest")
ToGrey = Callable[Concatenate[NDArray[Any], Rest], NDArray[np.uint8]]


def in_strips(to_grey: ToGrey[Rest]) -> ToGrey[Rest]:
    """Decorate a function that converts values [rows, columns] to grey so that it runs strip by strip.

    The grey of each value must not depend on the other values.
    """

    @functools.wraps(to_grey)
    def strip_by_strip(values: NDArray[Any], /, *args: Rest.args, **kwargs: Rest.kwargs) -> NDArray[np.uint8]:
        found = np.empty(values.shape, dtype=np.uint8)
        rows = max(1, STRIP_VALUES // max(1, values[:1].size))
        for top in range(0, len(values), rows):
            found[top : top + rows] = to_grey(values[top : top + rows], *args, **kwargs)
        return found

    return strip_by_strip
