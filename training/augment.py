"""Augmentation of what differs between acquisitions: geometry, exposure, sharpness, noise, borders, markers.

Every draw is stateless, from the run's seed and the film's position in the epoch, so a resumed run sees the same
films as one that was never cut.
"""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the augmentation. Fractions are of the image side; grey values are in [0, 1]."""

    rotation_degrees: float = 15.0
    shift: float = 0.08
    zoom_out: float = 0.2
    zoom_in: float = 0.25
    log_stretch: float = 0.15
    log_gamma: float = 0.5
    contrast: float = 0.35
    brightness: float = 0.15
    sharpness: float = 1.0
    noise: float = 0.04
    border: float = 0.08
    erase: float = 0.25
    erase_probability: float = 0.4


def _geometry(image: Any, size: int, u: Any, a: Augmentation) -> Any:
    """Flip, rotate, shift and zoom each axis on its own, in one bilinear resampling."""
    flip = tf.where(u[0] < 0.5, -1.0, 1.0)
    angle = (2 * u[1] - 1) * a.rotation_degrees * 3.14159265 / 180
    # One common zoom and one stretch per axis: the films come squashed to a square from many aspect ratios, and the
    # ratio goes with the class. e^0.15 each way reaches a film cut by a quarter in height; more of it costs accuracy
    # on whole films (training/EXPERIMENTS.md).
    common = 1 - a.zoom_in + u[2] * (a.zoom_in + a.zoom_out)
    sx, sy = common * tf.exp((2 * u[3] - 1) * a.log_stretch), common * tf.exp((2 * u[4] - 1) * a.log_stretch)
    dx, dy = (2 * u[5] - 1) * a.shift * size, (2 * u[6] - 1) * a.shift * size
    cos, sin, centre = tf.cos(angle), tf.sin(angle), (size - 1) / 2
    a0, a1 = flip * sx * cos, -sy * sin
    b0, b1 = flip * sx * sin, sy * cos
    transform = tf.stack(
        [
            a0,
            a1,
            centre - a0 * centre - a1 * centre + dx,
            b0,
            b1,
            centre - b0 * centre - b1 * centre + dy,
            0.0,
            0.0,
        ]
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None], transforms=transform[None], output_shape=[size, size], fill_value=0.0,
        interpolation="BILINEAR", fill_mode="CONSTANT",
    )[0]  # fmt: skip


def _exposure(image: Any, u: Any, a: Augmentation) -> Any:
    """Gamma, contrast about the mean, brightness: generator settings and display curves."""
    image = tf.pow(tf.clip_by_value(image, 0.0, 1.0), tf.exp((2 * u[0] - 1) * a.log_gamma))
    mean = tf.reduce_mean(image)
    image = (image - mean) * (1 + (2 * u[1] - 1) * a.contrast) + mean + (2 * u[2] - 1) * a.brightness
    return tf.clip_by_value(image, 0.0, 1.0)


def _sharpness(image: Any, u: Any, a: Augmentation) -> Any:
    """From blurred (-) to edge enhanced (+), as detector, grid and post-processing do."""
    blurred = tf.nn.avg_pool2d(tf.pad(image[None], [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"), 3, 1, "VALID")
    blurred = tf.nn.avg_pool2d(tf.pad(blurred, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"), 3, 1, "VALID")[0]
    return image + (2 * u[0] - 1) * a.sharpness * (image - blurred)


def _frame(image: Any, size: int, u: Any, a: Augmentation) -> Any:
    """Collimator borders, black, on a third of the films."""
    depth = tf.where(u[4] < 1 / 3, a.border, 0.0) * size
    index = tf.range(size, dtype=tf.float32)
    rows = (index >= u[0] * depth) & (index < size - u[1] * depth)
    columns = (index >= u[2] * depth) & (index < size - u[3] * depth)
    return image * tf.cast(rows[:, None, None] & columns[None, :, None], tf.float32)


def _erase(image: Any, size: int, u: Any, a: Augmentation) -> Any:
    """One rectangle of constant grey: markers, tubes, and no single region to lean on."""
    height, width = (0.05 + u[0] * (a.erase - 0.05)) * size, (0.05 + u[1] * (a.erase - 0.05)) * size
    top, left = u[2] * (size - height), u[3] * (size - width)
    index = tf.range(size, dtype=tf.float32)
    rows, columns = (index >= top) & (index < top + height), (index >= left) & (index < left + width)
    inside = rows[:, None, None] & columns[None, :, None] & (u[4] < a.erase_probability)
    return tf.where(inside, u[5], image)


def augment(image: Any, seed: Any, size: int, settings: Augmentation) -> Any:
    """One augmented film: uint8 ``[size, size, 1]`` -> uint8 of the same shape; ``seed``: int32 ``[2]``."""
    u = tf.random.stateless_uniform([24], seed)
    grey = _geometry(tf.cast(image, tf.float32) / 255, size, u[0:7], settings)
    grey = _exposure(grey, u[7:10], settings)
    grey = _sharpness(grey, u[10:11], settings)
    grey += tf.random.stateless_normal([size, size, 1], seed + 1) * u[11] * settings.noise
    grey = _erase(_frame(grey, size, u[12:17], settings), size, u[17:23], settings)
    return tf.cast(tf.clip_by_value(grey * 255 + 0.5, 0, 255), tf.uint8)
