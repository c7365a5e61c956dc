"""The input of training: images with lung masks in memory, and the batches of one epoch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training import data
from training.augment import draws
from training.settings import TrainSettings

MASK_SIDE = 56


@dataclass(frozen=True)
class ImageSet:
    """Images with lung masks and labels.

    ``pixels``: uint8 ``[N, S, S, 1]``. ``masks``: uint8 ``[N, 56, 56]``, 255 is lung. ``known``: float32 ``[N]``, 1
    if the image has a mask, else 0. ``y``: float32 ``[N]``, 1 for pneumonia.
    """

    pixels: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    known: NDArray[np.float32]
    y: NDArray[np.float32]

    @classmethod
    def read(cls, images: list[data.LabelledImage], size: int, lungs: Path | None) -> "ImageSet":
        """Read ``images`` at the input size. ``lungs``: an .npz with ``names`` and ``masks``, or None for no masks."""
        masks, known = lung_masks([image.path.name for image in images], lungs)
        return cls(data.load_pixels([image.path for image in images], size), masks, known, data.labels(images))

    def part(self, index: NDArray[Any]) -> "ImageSet":
        return ImageSet(self.pixels[index], self.masks[index], self.known[index], self.y[index])


def lung_masks(names: list[str], path: Path | None) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the masks for these file names, uint8 ``[N, 56, 56]``, and 1 for each image with a mask, float32 ``[N]``.

    Raises ``ValueError`` if the masks in the file have another shape.
    """
    masks, known = np.zeros((len(names), MASK_SIDE, MASK_SIDE), np.uint8), np.zeros(len(names), np.float32)
    if path is None:
        return masks, known
    with np.load(path) as stored:
        places, pictures = {str(name): k for k, name in enumerate(stored["names"])}, stored["masks"]
    if pictures.shape[1:] != (MASK_SIDE, MASK_SIDE):
        raise ValueError(f"{path}: masks must be {MASK_SIDE} x {MASK_SIDE}, not {pictures.shape[1:]}")
    for index, name in enumerate(names):
        if name in places:
            masks[index], known[index] = pictures[places[name]], 1.0
    return masks, known


def draw(y: NDArray[np.float32], images: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the indices of one epoch, half from each class. No image repeats before its whole class was used."""
    halves = []
    for label in (0, 1):
        pool = np.flatnonzero(y == label)
        rounds = -(-(images // 2) // len(pool))
        halves.append(np.concatenate([rng.permutation(pool) for _ in range(rounds)])[: images // 2])
    return rng.permutation(np.concatenate(halves))


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # keras has no type information
    """Class-balanced batches of one epoch, all of the same size, determined by seed, fold and epoch."""

    def __init__(self, images: ImageSet, settings: TrainSettings, fold: int, epoch: int) -> None:
        super().__init__(workers=2, max_queue_size=8)
        self._images, self._batch = images, settings.batch
        self._seed = [settings.seed, fold + 2, epoch]  # + 2, because folds begin at -2 and seeds must not be negative
        self._order = draw(images.y, settings.epoch_films, np.random.default_rng(self._seed))

    def __len__(self) -> int:
        return len(self._order) // self._batch

    def __getitem__(self, step: int) -> tuple[dict[str, Any]]:
        index = self._order[step * self._batch : (step + 1) * self._batch]
        uniform = draws([*self._seed, step], self._batch)
        batch = self._images.part(index)
        return (
            {
                "film": batch.pixels[..., 0], "mask": batch.masks, "known": batch.known, "label": batch.y,
                "uniform": uniform,
            },
        )  # fmt: skip
