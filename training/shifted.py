"""Validation under simulated acquisitions: every held-out image with another exposure, framing and sharpness.

Held-out images come from the same machine and the same staff as the training images. Calibration and thresholds that
are fitted on held-out images are therefore too optimistic for other hospitals. Random acquisitions simulate another
machine. They are drawn like the augmentation of training, but without cuts, curves and erased patches.
"""

import numpy as np
from keras import ops
from numpy.typing import NDArray

from training.augment import Augmentation, augment, draws

# All ranges are fixed here, so that networks trained with other ranges are still measured in the same way.
ACQUISITIONS = Augmentation(
    rotation_degrees=15.0, shift=0.08, zoom_out=0.2, zoom_in=0.25, log_stretch=0.25, cut_probability=0.0,
    curve_probability=0.0, local_probability=0.0, log_gamma=0.5, contrast=0.35, brightness=0.15, sharpness=1.0,
    noise=0.04, border=0.08, erase_probability=0.0,
)  # fmt: skip
DRAWS = 2
SEED = 2026  # differs from the seeds of training, so scored images differ from the augmented training images
BATCH = 64


def acquired_otherwise(pixels: NDArray[np.uint8], draw: int) -> NDArray[np.uint8]:
    """Return uint8 ``[N, size, size, 1]``, each image under one random acquisition that ``draw`` determines."""
    changed = []
    for start in range(0, len(pixels), BATCH):
        images = ops.cast(pixels[start : start + BATCH, ..., 0], "float32") / 255
        uniform = ops.convert_to_tensor(draws([SEED, draw, start], len(images)))
        seen, _ = augment(images, None, uniform, ACQUISITIONS)
        changed.append(ops.convert_to_numpy(seen))
    return np.asarray(np.concatenate(changed) * 255 + 0.5, dtype=np.uint8)[..., np.newaxis]
