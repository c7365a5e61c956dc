"""Predictions for the synthetic samples of this repository, for the examples in the documents."""

from typing import Any

from pneumonia.model.card import Card
from pneumonia.predictor import Predictor
from pneumonia.settings import Settings
from tools.figures.measured import ROOT

SAMPLES = ROOT / "samples"
SECTION, COMMAND = "samples", "make figures ARGS=--measure"
SHOWN = "pneumonia-1.png"
"""The sample whose complete answer the documents show."""


def model() -> dict[str, str]:
    """Return name, version and sha256 of the shipped model."""
    return Card.load(ROOT / "model_artifacts").identity()


def measure() -> dict[str, Any]:
    """Return a section of measured.json: the probability and triage of each sample, and one sample's whole answer."""
    predictor = Predictor.load(Settings.from_env({}))
    answers = {}
    for path in sorted(SAMPLES.glob("*.png")):
        predictor.predict(path.read_bytes(), request_id="-", heatmap=False)  # warm up: the first prediction is slower
        answers[path.name] = predictor.predict(
            path.read_bytes(), request_id="28922860-e800-450a-a664-221f83f74933", heatmap=False
        ).body
    shown = answers[SHOWN]
    return {
        "model": shown["model"],
        "probabilities": {name: [answer["pneumonia"], answer["triage"]] for name, answer in answers.items()},
        "answer": shown,
    }
