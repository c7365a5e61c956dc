"""The gate and the probability for photographs of a screen or a light box, and for X-rays with few grey levels.

`CXR_DATA=... make measure` writes the table of docs/formats.md.
"""

import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumonia.errors import NotAChestXray, WrongOrientation
from pneumonia.predictor import Predictor
from pneumonia.settings import Settings
from tests.photos import PHOTOS, Grey, Photo, few_levels, photographed
from tests.recording import record

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.png"))
XRAYS_OF_A_CLASS = 30

Make = Callable[[Grey, np.random.Generator], bytes]

LEVELS = {f"JPEG of {levels} greys": levels for levels in (64, 32, 16, 8, 4)}


def _of_levels(levels: int, quality: int) -> Make:
    return lambda xray, _: few_levels(xray, levels, quality)


def _of_photo(photo: Photo) -> Make:
    return lambda xray, rng: photographed(xray, photo, rng)


WAYS: dict[str, Make] = {
    **{name: _of_levels(levels, 60) for name, levels in LEVELS.items()},
    "JPEG of quality 5": _of_levels(256, 5),
    **{name: _of_photo(photo) for name, photo in PHOTOS.items()},
}


@pytest.fixture(scope="module")
def shipped(real_artifacts: Path) -> Predictor:
    return Predictor.load(Settings(model_dir=real_artifacts))


def probability(predictor: Predictor, data: bytes) -> float | None:
    """Return the probability; None if the gate refuses the image."""
    try:
        return float(predictor.predict(data, request_id="", heatmap=False).body["pneumonia"])
    except (NotAChestXray, WrongOrientation):
        return None


def measured(predictor: Predictor, paths: Iterable[Path], make: Make) -> tuple[int, list[float]]:
    """Return how many X-rays are refused when changed by `make`, and how far the probability of the others moves."""
    refused, moved = 0, []
    for path in paths:
        with Image.open(path) as image:
            xray = np.asarray(image.convert("L"))
        plain = io.BytesIO()
        Image.fromarray(xray).save(plain, "PNG")
        before = probability(predictor, plain.getvalue())
        after = probability(predictor, make(xray, np.random.default_rng(sum(path.name.encode()))))
        if before is None:
            continue
        if after is None:
            refused += 1
        else:
            moved.append(abs(after - before))
    return refused, moved


@pytest.mark.parametrize("name", [name for name, levels in LEVELS.items() if levels >= 8])
def test_a_sample_keeps_its_probability_with_eight_greys_and_more(name: str, shipped: Predictor) -> None:
    refused, moved = measured(shipped, SAMPLES, WAYS[name])
    assert refused == 0
    assert max(moved) < 0.03


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif("CXR_DATA" not in os.environ, reason="CXR_DATA is not set: the X-rays are not in the repository")
@pytest.mark.parametrize("name", WAYS)
def test_real_xrays(name: str, shipped: Predictor) -> None:
    folder, rng = Path(os.environ["CXR_DATA"]) / "train", np.random.default_rng(11)
    paths: list[Path] = []
    for kind in ("NORMAL", "PNEUMONIA"):
        found = sorted((folder / kind).glob("*.jpeg"))
        paths += [found[place] for place in rng.choice(len(found), XRAYS_OF_A_CLASS, replace=False)]
    refused, moved = measured(shipped, paths, WAYS[name])
    assert moved  # some are predicted
    record("photos", name, refused, refused + len(moved), *np.quantile(moved, [0.5, 0.9, 1]))
