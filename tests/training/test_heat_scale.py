from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumonia.model.sessions import ModelOutput
from training import heat_scale


class PeakModel:
    """A stand-in for a model with a given peak for each image. It counts the images that it saw."""

    def __init__(self, peaks: Sequence[float]) -> None:
        self._peaks, self.seen = peaks, 0

    def predict(self, images: Sequence[Image.Image]) -> list[ModelOutput]:
        assert all(image.mode == "L" for image in images)
        found = []
        for _ in images:
            heat = np.full((3, 3), -5, np.float32)
            heat[1, 2] = self._peaks[self.seen]
            found.append(ModelOutput(0.0, heat))
            self.seen += 1
        return found


def test_the_scale_is_a_quantile_of_the_hottest_cells_of_images_with_pneumonia(images_dir: Path) -> None:
    model = PeakModel([float(peak) for peak in range(1, 17)])
    assert heat_scale.measure(model, images_dir) == {  # type: ignore[arg-type]  # has the only method that is used
        "full_scale": pytest.approx(np.quantile(np.arange(1.0, 17.0), 0.75)),
        "films": 16,
        "quantile": 0.75,
    }


def test_no_more_images_are_read_than_needed(images_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heat_scale, "IMAGES", 5)
    model = PeakModel([2.0] * 16)
    assert heat_scale.measure(model, images_dir)["films"] == model.seen == 5  # type: ignore[arg-type]  # see above


def test_a_model_without_any_evidence_still_has_a_scale(images_dir: Path) -> None:
    assert heat_scale.measure(PeakModel([-1.0] * 16), images_dir)["full_scale"] > 0  # type: ignore[arg-type]  # see above
