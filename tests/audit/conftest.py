from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pneumonia_cli.audit.labels import Labelled
from pneumonia_cli.reporting.images import ImageFile

Line = dict[str, Any]
Images = Callable[..., list[Labelled]]


def answer(probability: float, **more: Any) -> Line:
    """Return a prediction with the thresholds of the tiny model."""
    triage = "likely_normal" if probability < 0.1 else "likely_pneumonia" if probability >= 0.9 else "indeterminate"
    label = "pneumonia" if probability >= 0.4 else "normal"
    return {"pneumonia": probability, "triage": triage, "label": label, "in_training_population": True, **more}


def refusal(code: str) -> Line:
    return {"error": {"code": code, "title": "T", "detail": "D"}}


@pytest.fixture
def images() -> Images:
    """Return a function that makes labelled images f0, f1, …: images(1, 0, 1, patients="aab")."""

    def make(*labels: int, patients: str = "") -> list[Labelled]:
        return [
            Labelled(ImageFile(Path(f"f{k}"), f"f{k}"), label, patients[k] if patients else f"f{k}")
            for k, label in enumerate(labels)
        ]

    return make
