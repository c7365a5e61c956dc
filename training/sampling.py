"""Resampling on any Keras backend: bilinear sampling, box means, area means. Images are float ``[N, H, W]``."""

from typing import Any

import numpy as np
from keras import ops


def sample(images: Any, x: Any, y: Any) -> Any:
    """Sample ``images`` bilinearly at the positions ``x``, ``y`` in pixels, float ``[N, h, w]``. Return 0 outside."""
    height, width = images.shape[1], images.shape[2]
    # With a border of zeros, positions outside the image need no special case.
    flat = ops.reshape(ops.pad(images, [[0, 0], [1, 1], [1, 1]]), (-1, (height + 2) * (width + 2)))
    x, y = ops.clip(x + 1, 0, width + 0.999), ops.clip(y + 1, 0, height + 0.999)
    left, top = ops.floor(x), ops.floor(y)
    right_share, lower_share = x - left, y - top
    rows, columns = y.shape[1], x.shape[2]
    first = ops.reshape(ops.cast(top, "int32") * (width + 2) + ops.cast(left, "int32"), (-1, rows * columns))

    def read(offset: int) -> Any:
        return ops.reshape(ops.take_along_axis(flat, first + offset, axis=1), (-1, rows, columns))

    upper = read(0) * (1 - right_share) + read(1) * right_share
    lower = read(width + 2) * (1 - right_share) + read(width + 3) * right_share
    return upper * (1 - lower_share) + lower * lower_share


def box_mean(images: Any, side: int) -> Any:
    """Return the mean of ``side`` x ``side`` pixels around each pixel (``side`` odd), mirrored at the borders."""
    margin = side // 2
    x = ops.pad(images, [[0, 0], [margin, margin], [margin, margin]], mode="reflect")[..., None]
    # Use one pass along each axis, because one pass over the square would take ``side / 2`` times as long.
    x = ops.average_pool(x, (side, 1), strides=1, padding="valid", data_format="channels_last")
    return ops.average_pool(x, (1, side), strides=1, padding="valid", data_format="channels_last")[..., 0]


def area_mean(images: Any, rows: int, columns: int) -> Any:
    """Return the mean of ``images`` in each cell of a ``rows`` x ``columns`` grid, float ``[N, rows, columns]``."""
    down, across = _areas(images.shape[1], rows), _areas(images.shape[2], columns)
    return ops.einsum("ri,nij,cj->nrc", down, images, across)


def _areas(size: int, cells: int) -> Any:
    """Return the share of each pixel in each cell, float32 ``[cells, size]``; rows sum to 1."""
    edges = np.linspace(0, size, cells + 1)
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    overlap = np.clip(overlap, 0, None)
    return ops.convert_to_tensor((overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32))
