"""A window that makes part of the X-ray white is ignored, so the prediction stays the same.

`CXR_DATA=... make measure` writes the table of docs/formats.md.
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumonia.predictor import Predictor
from pneumonia.settings import Settings
from tests.deep_films import dicom
from tests.photos import Grey
from tests.recording import record

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.png"))
XRAYS_OF_A_CLASS = 20


@pytest.fixture(scope="module")
def shipped(real_artifacts: Path) -> Predictor:
    return Predictor.load(Settings(model_dir=real_artifacts))


def xray_of(path: Path) -> Grey:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def window(xray: Grey, share: float) -> tuple[float, float]:
    """Return the lowest and the highest grey level of a window that whitens `share` of the middle."""
    rows, columns = xray.shape
    middle = xray[rows // 10 : rows - rows // 10, columns // 10 : columns - columns // 10]
    low, high = np.quantile(middle, [0.01, 1 - share])
    return float(low), float(high)


def answer(predictor: Predictor, data: bytes) -> tuple[float, list[str]]:
    body = predictor.predict(data, request_id="", heatmap=False, force=True).body
    return body["pneumonia"], body["image"]["warnings"]


def as_png(xray: Grey) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(xray).save(stream, "PNG")
    return stream.getvalue()


def as_dicom(xray: Grey, low: float, high: float) -> bytes:
    """Return 12 bits, of which the 8 bits of the X-ray fill seven eighths, with a window from `low` to `high`."""
    return dicom(xray.astype(np.uint16) * 14, 12, WindowCenter=7 * (low + high), WindowWidth=14 * (high - low))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_window_that_whitens_part_of_a_sample_changes_nothing(path: Path, shipped: Predictor) -> None:
    xray = xray_of(path)
    expected, _ = answer(shipped, as_png(xray))
    fifth, _ = answer(shipped, as_dicom(xray, *window(xray, 0.2)))
    much, warnings = answer(shipped, as_dicom(xray, *window(xray, 0.4)))
    assert "window_ignored" in warnings
    assert [fifth, much] == pytest.approx([expected] * 2, abs=0.03)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif("CXR_DATA" not in os.environ, reason="CXR_DATA is not set: the X-rays are not in the repository")
@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_how_far_a_window_moves_the_probability(share: float, shipped: Predictor) -> None:
    folder, rng = Path(os.environ["CXR_DATA"]) / "train", np.random.default_rng(5)
    followed, ours = [], []
    for kind in ("NORMAL", "PNEUMONIA"):
        paths = sorted((folder / kind).glob("*.jpeg"))
        for place in rng.choice(len(paths), XRAYS_OF_A_CLASS, replace=False):
            xray = xray_of(paths[place])
            low, high = window(xray, share)
            expected, _ = answer(shipped, as_png(xray))
            cut = np.clip((xray - low) / (high - low) * 255, 0, 255)
            followed.append(abs(answer(shipped, as_png(np.rint(cut).astype(np.uint8)))[0] - expected))
            ours.append(abs(answer(shipped, as_dicom(xray, low, high))[0] - expected))
    record("whitening", f"{share:.0%}", np.mean(followed), max(followed), np.mean(ours), max(ours))
    assert np.mean(ours) < 0.01
    if share > 0.1:
        assert max(ours) < 0.05
