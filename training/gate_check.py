"""Measure the gate on whole folders, through the same code that handles an upload.

An image counts as refused if the result is ``not_a_chest_xray`` or another refusal. It counts as flagged if the result
has ``in_training_population: false``. Of the other population, only patients that were not used to fit the gate are
measured. Rotated and inverted images are made from upright images.
"""

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from rich.progress import track

from pneumonia.errors import PneumoniaError
from pneumonia.model.card import POSES
from pneumonia.predictor import Predictor
from training import data, metrics
from training.gate import belongs_to_fit, changed, other_images

TURNED = 100


def outcome(predictor: Predictor, content: bytes) -> str:
    """Return ``film`` (accepted), ``flagged`` (another population), ``inverted`` (and corrected) or an error code."""
    try:
        body = predictor.predict(content, request_id="gate-check", heatmap=False).body
    except PneumoniaError as error:
        return error.code
    if "film_inverted" in body["image"]["warnings"]:
        return "inverted"
    return "flagged" if body["in_training_population"] is False else "film"


def outcomes(predictor: Predictor, contents: Iterable[bytes], total: int, title: str) -> Counter[str]:
    return Counter(outcome(predictor, one) for one in track(contents, description=title, total=total))


def rates(found: Counter[str]) -> dict[str, Any]:
    """Return the count of each outcome, and the shares of refused and flagged images."""
    total = found.total()
    seen = found["film"] + found["flagged"] + found["inverted"]
    return {
        "images": total,
        "refused": metrics.rounded(1 - seen / total),
        "flagged": metrics.rounded(found["flagged"] / total),
        "outcomes": dict(sorted(found.items())),
    }


def _in_pose(path: Path, pose: str) -> bytes:
    buffer = io.BytesIO()
    with Image.open(path) as image:
        changed(image.convert("L"), pose).save(buffer, "PNG")
    return buffer.getvalue()


def _folder(predictor: Predictor, paths: Sequence[Path], title: str) -> dict[str, Any]:
    return rates(outcomes(predictor, (path.read_bytes() for path in paths), len(paths), title))


def measure(
    predictor: Predictor, test: Sequence[Path], others: Path | None, adults: Path | None, negatives: Path | None
) -> dict[str, Any]:
    """Return the gate's rates on the test split and on every folder that is given."""
    measured: dict[str, Any] = {"test": _folder(predictor, test, "Gate, test split")}
    upright = list(test)[:: max(1, len(test) // TURNED)][:TURNED]
    if others is not None:
        held_out = [path for path in other_images(others) if not belongs_to_fit(path.stem.split("_")[0])]
        measured["other_population"] = _folder(predictor, held_out, "Gate, other population")
        upright += held_out[:TURNED]
    if adults is not None:
        images = [path for path in sorted(adults.rglob("*")) if path.suffix.lower() in data.IMAGE_SUFFIXES]
        measured["labelled_adults"] = _folder(predictor, images, "Gate, labelled adults")
    if negatives is not None:
        folders = sorted(path for path in negatives.iterdir() if path.is_dir())
        by_folder = {
            folder.name: _folder(predictor, sorted(folder.iterdir()), f"Gate, {folder.name}") for folder in folders
        }
        total: Counter[str] = Counter()
        for entry in by_folder.values():
            total.update(entry["outcomes"])
        measured["not_chest_xray"] = {
            **rates(total), "refused_by_folder": {name: entry["refused"] for name, entry in by_folder.items()}
        }  # fmt: skip
    measured["poses"] = {
        pose: rates(
            outcomes(predictor, (_in_pose(path, pose) for path in upright), len(upright), f"Gate, {pose}")
        )["outcomes"]
        for pose in POSES[1:]
    }  # fmt: skip
    return measured
