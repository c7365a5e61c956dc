"""Validation under another acquisition: every held-out film again, exposed, framed and sharpened otherwise.

A held-out film comes from the same machine and the same hands as the training films, so calibration and thresholds
that fit it are too sure of themselves elsewhere. Draws like those that augment training, without erased patches, stand
in for the next machine; the scores are kept per fold in ``shifted.npz``.

    python -m training.shifted --run runs/xception-176 --data DATA/train
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training import data
from training.augment import Augmentation, augment

# Ranges of their own, every one of them: networks that were trained with others are measured alike.
ACQUISITIONS = Augmentation(
    rotation_degrees=15.0, shift=0.08, zoom_out=0.2, zoom_in=0.25, log_stretch=0.25, log_gamma=0.5, contrast=0.35,
    brightness=0.15, sharpness=1.0, noise=0.04, border=0.08, erase_probability=0.0,
)  # fmt: skip
DRAWS = 2
SEED = 2026  # apart from the seeds of training, so that no film is seen as it was trained on


def acquired_otherwise(pixels: NDArray[np.uint8], draw: int) -> NDArray[np.uint8]:
    """uint8 ``[N, size, size, 1]`` under one random acquisition each; the same for the same ``draw``."""
    size = pixels.shape[1]
    return np.stack(
        [
            augment(tf.constant(film), tf.constant([SEED + draw, 2 * index], tf.int32), size, ACQUISITIONS).numpy()
            for index, film in enumerate(pixels)
        ]
    )


def score(model: Any, pixels: NDArray[np.uint8], folder: Path) -> NDArray[np.float32]:
    """Logits float32 ``[DRAWS, N]`` of held-out films under drawn acquisitions, kept in ``shifted.npz``."""
    logits = np.stack(
        [model.predict(acquired_otherwise(pixels, draw), batch_size=64, verbose=0)["logit"] for draw in range(DRAWS)]
    ).astype(np.float32)
    np.savez(folder / "next.npz", logit=logits)
    os.replace(folder / "next.npz", folder / "shifted.npz")
    return logits


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="run folder of training.train")
    parser.add_argument("--data", type=Path, required=True, help="the folder that the run was trained on")
    args = parser.parse_args(argv)
    size = json.loads((args.run / "settings.json").read_text())["size"]
    paths = {film.path.name: film.path for film in data.scan(args.data)}
    films = json.loads((args.run / "films.json").read_text())
    for folder in sorted(args.run.glob("fold-*")):
        if not (folder / "validation.npz").exists() or (folder / "shifted.npz").exists():
            continue
        index = np.load(folder / "validation.npz")["index"]
        pixels = data.load_pixels([paths[films[i]["name"]] for i in index], size)
        score(keras.models.load_model(folder / "model.keras", compile=False), pixels, folder)
        print(f"{folder.name}: {len(index)} films, {DRAWS} acquisitions each")


if __name__ == "__main__":
    main()
