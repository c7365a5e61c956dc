"""Scores of held-out films: what calibration, thresholds and every cross-validated figure are made from.

Each film was scored, as it is and under drawn acquisitions (``training/shifted.py``), by a network that never saw its
patient. ``training.publish`` writes them beside the model, to ``validation.csv``: with them the thresholds of the card
can be checked, and an ensemble with another network be measured, without training anything.
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
_FILM = ("film", "label", "fold")


@dataclass(frozen=True)
class HeldOut:
    """``films`` and ``runs`` by name; ``y``, ``folds``: ``[N]``; ``logits``: ``[runs, draws + 1, N]``, not calibrated,
    the films as they are first."""

    films: tuple[str, ...]
    y: Array
    folds: Array
    runs: tuple[str, ...]
    logits: Array

    @classmethod
    def of_runs(cls, runs: Sequence[Path]) -> "HeldOut":
        """Films that every run scored. Exits where runs were made from different films or lack shifted scores."""
        films = read_films(runs[0])
        if any([f["name"] for f in read_films(run)] != [f["name"] for f in films] for run in runs[1:]):
            raise SystemExit("the runs were made from different films: their validation scores cannot be averaged")
        # As the table keeps them, so that whoever reads it finds the same thresholds.
        logits = np.asarray(np.round(np.stack([_logits(run, len(films)) for run in runs]), DECIMALS), np.float64)
        scored = np.asarray(~np.isnan(logits).any(axis=(0, 1)))
        return cls(
            tuple(film["name"] for film, kept in zip(films, scored, strict=True) if kept),
            np.array([film["label"] for film in films], dtype=np.float64)[scored],
            np.array([film["fold"] for film in films], dtype=np.float64)[scored],
            tuple(run.name for run in runs),
            logits[:, :, scored],
        )

    @classmethod
    def read(cls, path: Path) -> "HeldOut":
        """The table that ``write`` wrote."""
        with path.open(encoding="utf-8", newline="") as stream:
            header, *rows = list(csv.reader(stream))
        runs = tuple(header[len(_FILM) :: shifted.DRAWS + 1])
        values = np.array([row[1:] for row in rows], dtype=np.float64).T
        return cls(tuple(row[0] for row in rows), values[0], values[1], runs,
                   values[2:].reshape(len(runs), shifted.DRAWS + 1, len(rows)))  # fmt: skip

    def write(self, path: Path) -> None:
        """One line a film: name, label, fold, and for each run its logits, as it is and of each draw."""
        draws = ["", *(f" shifted {draw + 1}" for draw in range(shifted.DRAWS))]
        columns = [f"{run}{draw}" for run in self.runs for draw in draws]
        with path.open("w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream, lineterminator="\n")
            table.writerow([*_FILM, *columns])
            scores = self.logits.reshape(-1, len(self.films)).T
            for name, label, fold, row in zip(self.films, self.y, self.folds, scores, strict=True):
                table.writerow([name, int(label), int(fold), *(f"{logit:.{DECIMALS}f}" for logit in row)])

    @property
    def logit(self) -> Array:
        """Mean logit of the runs, ``[N]``."""
        return np.asarray(self.logits[:, 0].mean(axis=0))

    @property
    def shifted_logit(self) -> Array:
        """The same under drawn acquisitions, ``[draws * N]``."""
        return np.asarray(self.logits[:, 1:].mean(axis=0).ravel())

    @property
    def shifted_y(self) -> Array:
        return np.tile(self.y, shifted.DRAWS)

    def calibration(self) -> calibrate.Calibration:
        """Platt scaling of the mean logits under drawn acquisitions."""
        return calibrate.platt(self.shifted_y, self.shifted_logit)

    def calibrated(self, calibration: calibrate.Calibration) -> calibrate.Validation:
        """Labels and probabilities, for operating points and figures."""
        return calibrate.Validation(
            self.y,
            calibration.probability(self.logit),
            self.shifted_y,
            calibration.probability(self.shifted_logit),
        )


def read_films(run: Path) -> list[dict[str, Any]]:
    """Every film of a run, scored or not, with name, label, group and fold."""
    films: list[dict[str, Any]] = json.loads((run / "films.json").read_text())
    return films


def _logits(run: Path, films: int) -> Array:
    """Logits ``[draws + 1, films]`` of a run; nan for films of unfinished folds."""
    logits = np.full((shifted.DRAWS + 1, films), np.nan)
    for path in sorted(run.glob("fold-*/validation.npz")):
        if not path.with_name("shifted.npz").exists():
            raise SystemExit(f"{path.parent} has no shifted scores: its training was cut, run it again")
        stored = np.load(path)
        logits[0, stored["index"]] = stored["logit"]
        logits[1:, stored["index"]] = np.load(path.with_name("shifted.npz"))["logit"]
    return logits
