"""Draw the picture of docs/hospital.md. PAGE_SCREENSHOTS=docs/images writes it (make pictures)."""

import os
from pathlib import Path

import pytest
from PIL import Image

from pneumonia.predictor import Predictor
from pneumonia.settings import Settings
from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.picture import draw

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
GAP = 14
SIZE = (880, 560)


@pytest.mark.slow
def test_the_pictures_of_two_samples_are_unchanged(real_artifacts: Path, tmp_path: Path) -> None:
    predictor = Predictor.load(Settings(model_dir=real_artifacts))
    drawn = []
    for name, triage in (("pneumonia-1", "likely_pneumonia"), ("normal-1", "likely_normal")):
        found = predictor.predict((SAMPLES / f"{name}.png").read_bytes(), request_id="-", heatmap=True)
        assert found.body["triage"] == triage
        drawn.append(Image.fromarray(draw(Answer.of_line(found.body, {}, force=False, heatmap_png=found.heatmap_png))))
    canvas = Image.new("RGB", (2 * drawn[0].width + 2 * GAP, max(one.height for one in drawn)), "#202020")
    canvas.paste(drawn[0], (0, 0))
    canvas.paste(drawn[1], (drawn[0].width + 2 * GAP, 0))
    folder = Path(os.environ.get("PAGE_SCREENSHOTS") or tmp_path)
    canvas.resize(SIZE, Image.Resampling.LANCZOS).save(folder / "hospital-results.png")
