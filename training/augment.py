"""Simulate the differences between acquisitions: geometry, framing, exposure, tone, sharpness, noise and markers.

The augmentation processes whole batches with ``keras.ops`` on the device that trains. It transforms the image and its
lung mask in the same way. Random numbers drawn on the host (:func:`draws`) determine every augmented image, so a
resumed run sees the same images as an uninterrupted run.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from training.sampling import box_mean, sample

UNIFORMS = 40
"""Number of random numbers in [0, 1) that the augmentation of one image needs."""

_KNOTS = 6
_BANK = 3  # side of the stored noise field, as a multiple of the image side


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the augmentation. Lengths are fractions of the image side; grey values are in [0, 1]."""

    rotation_degrees: float = 15.0
    shift: float = 0.08
    zoom_out: float = 0.2
    zoom_in: float = 0.25
    log_stretch: float = 0.15
    cut: float = 0.3
    cut_probability: float = 0.2
    curve_probability: float = 0.5
    local_probability: float = 0.3
    log_gamma: float = 0.5
    contrast: float = 0.35
    brightness: float = 0.15
    sharpness: float = 1.0
    noise: float = 0.04
    border: float = 0.08
    erase: float = 0.25
    erase_probability: float = 0.4


def draws(seed: list[int], images: int) -> NDArray[np.float32]:
    """Draw the random numbers for a batch, uniform float32 ``[images, UNIFORMS]``, determined by ``seed``."""
    return np.random.default_rng(seed).random((images, UNIFORMS), dtype=np.float32)


def augment(images: Any, masks: Any | None, uniform: Any, a: Augmentation) -> tuple[Any, Any]:
    """Return the images and masks, each image under a different simulated acquisition.

    ``images``: float ``[N, S, S]`` in [0, 1]. ``masks``: float ``[N, m, m]`` in [0, 1], or None. ``uniform``: float
    ``[N, UNIFORMS]`` from :func:`draws`.
    """

    def u(k: int, dimensions: int = 1) -> Any:
        return ops.reshape(uniform[:, k], (-1, *[1] * (dimensions - 1)))

    def spread(k: int, width: float, dimensions: int = 3) -> Any:
        return (2 * u(k, dimensions) - 1) * width

    size = images.shape[1]
    images = _moved(images, u, a)
    masks = None if masks is None else _moved(masks, u, a)
    images = _tone(images, u, a)
    images = ops.clip(images, 0, 1) ** ops.exp(spread(7, a.log_gamma))
    mean = ops.mean(images, axis=(1, 2), keepdims=True)
    images = ops.clip((images - mean) * (1 + spread(8, a.contrast)) + mean + spread(9, a.brightness), 0, 1)
    # From blurred (-) to edge-enhanced (+): simulates the effects of detector, grid and post-processing.
    images = images + spread(10, a.sharpness) * (images - box_mean(box_mean(images, 3), 3))
    images = images + _noise(size, u) * u(11, 3) * a.noise
    images = _erased(_framed(images, size, u, a), size, u, a)
    return ops.clip(images, 0, 1), masks


def _moved(images: Any, u: Any, a: Augmentation) -> Any:
    """Flip, rotate, shift, zoom, stretch and cut the images in one bilinear resampling."""
    flip, angle = ops.where(u(0, 3) < 0.5, -1.0, 1.0), (2 * u(1, 3) - 1) * (a.rotation_degrees * np.pi / 180)
    # Both axes share one zoom, but each axis has its own stretch. The input is squashed to a square, and the original
    # aspect ratio correlates with the class, so the network must not learn the aspect ratio.
    common = 1 - a.zoom_in + u(2, 3) * (a.zoom_in + a.zoom_out)
    sx = common * ops.exp((2 * u(3, 3) - 1) * a.log_stretch)
    sy = common * ops.exp((2 * u(4, 3) - 1) * a.log_stretch)
    dx, dy = (2 * u(5, 3) - 1) * (2 * a.shift), (2 * u(6, 3) - 1) * (2 * a.shift)
    size = images.shape[1]
    line = ops.convert_to_tensor((2 * np.arange(size, dtype=np.float32) + 1) / size - 1)
    x = _cut(ops.reshape(line, (1, 1, size)), u(24, 3), u(25, 3), u(26, 3), a)
    y = _cut(ops.reshape(line, (1, size, 1)), u(27, 3), u(28, 3), u(29, 3), a)
    cos, sin = ops.cos(angle), ops.sin(angle)
    across = flip * sx * cos * x - sy * sin * y + dx
    down = flip * sx * sin * x + sy * cos * y + dy
    return sample(images, ((across + 1) * size - 1) / 2, ((down + 1) * size - 1) / 2)


def _cut(line: Any, chance: Any, share: Any, side: Any, a: Augmentation) -> Any:
    """Return source positions on one axis, in -1..1, for a cut at one end. The rest is stretched to the full side."""
    share = ops.where(chance < a.cut_probability, share * a.cut, 0.0)
    return line * (1 - share) + ops.where(side < 0.5, -share, share)


def _tone(images: Any, u: Any, a: Augmentation) -> Any:
    """Apply a random monotone curve (as a lookup table does) and local contrast (as post-processing does)."""
    steps = ops.stack([u(30 + k, 3) ** 2 + 0.05 for k in range(_KNOTS)])
    steps = steps / ops.sum(steps, axis=0, keepdims=True)
    curved = sum(steps[k] * ops.clip(images * _KNOTS - k, 0, 1) for k in range(_KNOTS))
    images = ops.where(u(36, 3) < a.curve_probability, images + u(37, 3) * (curved - images), images)
    window = (images.shape[1] // 4) | 1
    mean = box_mean(images, window)
    deviation = ops.sqrt(ops.maximum(box_mean(images * images, window) - mean * mean, 0))
    local = ops.clip(0.5 + 0.22 * (images - mean) / (deviation + 0.05), 0, 1)
    return ops.where(u(38, 3) < a.local_probability, images + u(39, 3) * (local - images), images)


def _noise(size: int, u: Any) -> Any:
    """Return normal noise, float ``[N, S, S]``: for each image, a random window of a stored noise field.

    Fresh noise would differ between backends, and drawing it would take longer than the training step.
    """
    side = _BANK * size
    field = np.random.default_rng(0).standard_normal(side * side, dtype=np.float32)
    line = np.arange(size)
    window = ops.convert_to_tensor((line[:, None] * side + line).astype(np.int32))
    down, across = (ops.cast(u(k, 3) * ((_BANK - 1) * size), "int32") for k in (23, 33))
    return ops.take(ops.convert_to_tensor(field), window + down * side + across)


def _framed(images: Any, size: int, u: Any, a: Augmentation) -> Any:
    """Add black collimator borders to a third of the images."""
    depth = ops.where(u(16, 3) < 1 / 3, a.border, 0.0) * size
    inside = _between(size, u(12, 3) * depth, size - u(13, 3) * depth, 1)
    return images * inside * _between(size, u(14, 3) * depth, size - u(15, 3) * depth, 2)


def _erased(images: Any, size: int, u: Any, a: Augmentation) -> Any:
    """Cover one rectangle with constant grey, so that the network learns not to rely on any single region."""
    height, width = (0.05 + u(17, 3) * (a.erase - 0.05)) * size, (0.05 + u(18, 3) * (a.erase - 0.05)) * size
    top, left = u(19, 3) * (size - height), u(20, 3) * (size - width)
    inside = _between(size, top, top + height, 1) * _between(size, left, left + width, 2)
    return ops.where((inside > 0) & (u(21, 3) < a.erase_probability), u(22, 3), images)


def _between(size: int, low: Any, high: Any, axis: int) -> Any:
    """Return 1 for positions on ``axis`` in [``low``, ``high``), else 0: float ``[N, size, 1]`` or ``[N, 1, size]``."""
    line = np.arange(size, dtype=np.float32).reshape((1, size, 1) if axis == 1 else (1, 1, size))
    place = ops.convert_to_tensor(line)
    return ops.cast((place >= low) & (place < high), "float32")
