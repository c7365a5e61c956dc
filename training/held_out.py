"""Scores of held-out images. Calibration, thresholds and all cross-validated figures come from these scores.

Each image was scored by a network that never saw its patient, unchanged and under simulated acquisitions
(``training/shifted.py``). ``training.publish`` writes the scores to ``validation.csv`` next to the model. With this
file you can check the thresholds of the card, or measure an ensemble with another network, without training.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import calibrate, shifted

Array = NDArray[np.float64]

FILE = "validation.csv"
DECIMALS = 5
_KEYS = ("film", "label", "fold")


@dataclass(frozen=True)
class HeldOut:
    """Scores of one or more runs.

    ``images``, ``runs``: names. ``y``, ``folds``: ``[N]``. ``logits``: ``[runs, draws + 1, N]``, not calibrated; the
    unchanged images come first, then each draw.
    """

    images: tuple[str, ...]
    y: Array
    folds: Array
    runs: tuple[str, ...]
    logits: Array

    @classmethod
    def of_runs(cls, runs: Sequence[Path]) -> "HeldOut":
        """Return the images that every run scored.

        Raises ``SystemExit`` if the runs were made from different images or lack shifted scores.
        """
        images = read_records(runs[0])
        if any([f["name"] for f in read_records(run)] != [f["name"] for f in images] for run in runs[1:]):
            raise SystemExit("The runs were made from different images, so their validation scores cannot be averaged.")
        # Round as in `validation.csv`, so that thresholds computed from that file are the same.
        logits = np.asarray(np.round(np.stack([_logits(run, len(images)) for run in runs]), DECIMALS), np.float64)
        scored = np.asarray(~np.isnan(logits).any(axis=(0, 1)))
        return cls(
            tuple(image["name"] for image, kept in zip(images, scored, strict=True) if kept),
            np.array([image["label"] for image in images], dtype=np.float64)[scored],
            np.array([image["fold"] for image in images], dtype=np.float64)[scored],
            tuple(run.name for run in runs),
            logits[:, :, scored],
        )

    @classmethod
    def read(cls, path: Path) -> "HeldOut":
        """Read a table that ``write`` wrote."""
        with path.open(encoding="utf-8", newline="") as stream:
            header, *rows = list(csv.reader(stream))
        runs = tuple(header[len(_KEYS) :: shifted.DRAWS + 1])
        values = np.array([row[1:] for row in rows], dtype=np.float64).T
        return cls(tuple(row[0] for row in rows), values[0], values[1], runs,
                   values[2:].reshape(len(runs), shifted.DRAWS + 1, len(rows)))  # fmt: skip

    def write(self, path: Path) -> None:
        """Write one line for each image: name, label, fold, and for each run the logits (unchanged, then each draw)."""
        draws = ["", *(f" shifted {draw + 1}" for draw in range(shifted.DRAWS))]
        columns = [f"{run}{draw}" for run in self.runs for draw in draws]
        with path.open("w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow([*_KEYS, *columns])
            scores = self.logits.reshape(-1, len(self.images)).T
            for name, label, fold, row in zip(self.images, self.y, self.folds, scores, strict=True):
                table.writerow([name, int(label), int(fold), *(f"{logit:.{DECIMALS}f}" for logit in row)])

    @property
    def logit(self) -> Array:
        """Return the mean logit of the runs, ``[N]``."""
        return np.asarray(self.logits[:, 0].mean(axis=0))

    @property
    def shifted_logit(self) -> Array:
        """Return the mean logit of the runs under simulated acquisitions, ``[draws * N]``."""
        return np.asarray(self.logits[:, 1:].mean(axis=0).ravel())

    @property
    def shifted_y(self) -> Array:
        return np.tile(self.y, shifted.DRAWS)

    def calibration(self) -> calibrate.Calibration:
        """Return the Platt scaling of the mean logits under simulated acquisitions."""
        return calibrate.platt(self.shifted_y, self.shifted_logit)

    def calibrated(self, calibration: calibrate.Calibration) -> calibrate.Validation:
        """Return labels and probabilities, for operating points and figures."""
        return calibrate.Validation(
            self.y,
            calibration.probability(self.logit),
            self.shifted_y,
            calibration.probability(self.shifted_logit),
        )


def read_records(run: Path) -> list[dict[str, Any]]:
    """Return name, label, group and fold of every image of a run, scored or not."""
    images: list[dict[str, Any]] = json.loads((run / "films.json").read_text())
    return images


def _logits(run: Path, images: int) -> Array:
    """Return the logits of a run, ``[draws + 1, images]``; nan for images of unfinished folds."""
    logits = np.full((shifted.DRAWS + 1, images), np.nan)
    for path in sorted(run.glob("fold-*/validation.npz")):
        if not path.with_name("shifted.npz").exists():
            raise SystemExit(f"{path.parent} has no shifted scores. The training was interrupted: run it again.")
        stored = np.load(path)
        logits[0, stored["index"]] = stored["logit"]
        logits[1:, stored["index"]] = np.load(path.with_name("shifted.npz"))["logit"]
    return logits
