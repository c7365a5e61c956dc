"""Score whole folders with the serving code: the same decoding, preprocessing, graph and calibration."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import Progress

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.model.card import Card
from pneumonia.model.sessions import Model, ModelOutput
from pneumonia.model.triage import assess

Array = NDArray[np.float64]

BATCH = 16


@dataclass(frozen=True)
class Scores:
    """Scores by image: logit ``[N]``, calibrated probability ``[N]``, triage, activation map float32 ``[N, h, w]``."""

    logit: Array
    probability: Array
    triage: list[str]
    maps: NDArray[np.float32]


@dataclass(frozen=True)
class Server:
    """A loaded model with its card."""

    card: Card
    model: Model

    @classmethod
    def load(cls, folder: Path, threads: int = 2) -> "Server":
        card = Card.load(folder)
        return cls(card, Model(card, folder, threads))

    def score(self, images: Sequence[Image.Image]) -> Scores:
        """Score grey images in memory."""
        return self._collect([self.model.predict(images[i : i + BATCH]) for i in range(0, len(images), BATCH)])

    def score_files(self, paths: Sequence[Path], title: str, limits: Limits) -> Scores:
        """Score files, and show a progress bar. Only one batch is in memory at a time."""
        answers = []
        with Progress() as progress:
            task = progress.add_task(title, total=len(paths))
            for start in range(0, len(paths), BATCH):
                images = [
                    decode(path.read_bytes(), limits, self.model.enough).pixels for path in paths[start : start + BATCH]
                ]
                answers.append(self.model.predict(images))
                progress.update(task, advance=len(images))
        return self._collect(answers)

    def _collect(self, batches: list[list[ModelOutput]]) -> Scores:
        predictions = [prediction for batch in batches for prediction in batch]
        assessed = [assess(prediction.logit, self.card) for prediction in predictions]
        return Scores(
            np.array([prediction.logit for prediction in predictions], dtype=np.float64),
            np.array([assessment.probability for assessment in assessed], dtype=np.float64),
            [assessment.triage for assessment in assessed],
            np.stack([prediction.activation_map for prediction in predictions]),
        )
