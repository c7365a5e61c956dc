"""Validation under another acquisition: every held-out film again, exposed, framed and sharpened otherwise.

A held-out film comes from the same machine and the same hands as the training films, so calibration and thresholds
that fit it are too sure of themselves elsewhere. The same draws that augment training, without flips for their own
sake and without erased patches, stand in for the next machine; the scores are kept per fold in ``shifted.npz``.

    python -m training.shifted --run runs/xception-224 --data DATA/train
"""

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training import data
from training.augment import Augmentation, augment
from training.settings import TrainSettings

DRAWS = 2
SEED = 2026  # apart from the seeds of training, so that no film is seen as it was trained on


def acquired_otherwise(pixels: NDArray[np.uint8], settings: Augmentation, draw: int) -> NDArray[np.uint8]:
    """uint8 ``[N, size, size, 1]`` under one random acquisition each; the same for the same ``draw``."""
    size, whole = pixels.shape[1], replace(settings, erase_probability=0.0)
    return np.stack(
        [
            augment(tf.constant(film), tf.constant([SEED + draw, 2 * index], tf.int32), size, whole).numpy()
            for index, film in enumerate(pixels)
        ]
    )


def score(model: Any, pixels: NDArray[np.uint8], settings: Augmentation, folder: Path) -> NDArray[np.float32]:
    """Logits float32 ``[DRAWS, N]`` of held-out films under drawn acquisitions, kept in ``shifted.npz``."""
    logits = np.stack(
        [
            model.predict(acquired_otherwise(pixels, settings, draw), batch_size=64, verbose=0)["logit"]
            for draw in range(DRAWS)
        ]
    ).astype(np.float32)
    np.savez(folder / "next.npz", logit=logits)
    os.replace(folder / "next.npz", folder / "shifted.npz")
    return logits


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="run folder of training.train")
    parser.add_argument("--data", type=Path, required=True, help="the folder that the run was trained on")
    args = parser.parse_args(argv)
    settings = TrainSettings.from_record(json.loads((args.run / "settings.json").read_text()))
    paths = {film.path.name: film.path for film in data.scan(args.data)}
    films = json.loads((args.run / "films.json").read_text())
    for folder in sorted(args.run.glob("fold-*")):
        if not (folder / "validation.npz").exists() or (folder / "shifted.npz").exists():
            continue
        index = np.load(folder / "validation.npz")["index"]
        pixels = data.load_pixels([paths[films[i]["name"]] for i in index], settings.size)
        score(keras.models.load_model(folder / "model.keras", compile=False), pixels, settings.augmentation, folder)
        print(f"{folder.name}: {len(index)} films, {DRAWS} acquisitions each")


if __name__ == "__main__":
    main()
