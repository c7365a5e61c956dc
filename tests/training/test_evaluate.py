"""The counts of the evaluation, on made-up scores."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

from pneumonia.settings import Settings
from training import data, evaluate
from training.scoring import Scores, Server

POINTS = {"rule_out": 0.1, "balanced": 0.4, "rule_in": 0.9}


def test_triage_answers_are_counted_by_true_class() -> None:
    table = evaluate.triage_table(np.array([0.0, 1.0, 1.0]), ["likely_normal", "likely_normal", "indeterminate"])
    assert table["likely_normal"] == {"normal": 1, "pneumonia": 1}
    assert table["indeterminate"] == {"normal": 0, "pneumonia": 1}


def scores(p: NDArray[np.float64]) -> Scores:
    return Scores(np.log(p / (1 - p)), p, ["indeterminate"] * len(p), np.zeros((len(p), 2, 2), np.float32))


def test_figures_cover_the_operating_points_and_each_kind() -> None:
    images = [
        data.LabelledImage(
            Path(f"{k}.png"), int(k >= 3), f"patient {k % 3}", "" if k < 3 else ("virus", "bacteria")[k % 2]
        )
        for k in range(6)
    ]
    p = np.array([0.05, 0.3, 0.5, 0.95, 0.2, 0.6])
    found = evaluate.figures_of(images, data.labels(images).astype(np.float64), scores(p), POINTS)
    assert (found["films"], found["patients"], found["threshold"]) == (6, 3, 0.4)
    assert found["confusion"] == {"tn": 2, "fp": 1, "fn": 1, "tp": 2}
    assert found["operating_points"]["rule_out"] == {"sensitivity": 1.0, "specificity": 0.333333}
    assert found["operating_points"]["rule_in"] == {"sensitivity": 0.333333, "specificity": 1.0}
    assert found["sensitivity_by_kind"] == {
        "bacteria": {"films": 2, "sensitivity": 1.0},
        "virus": {"films": 1, "sensitivity": 0.0},
    }


@pytest.fixture
def server(artifacts: Path) -> Server:
    """Return the tiny model. Its logit rises with brightness, and its map is as bright as the image."""
    return Server.load(artifacts)


def test_adults_are_counted_by_class_and_the_hottest_cell_against_the_boxes(server: Server, tmp_path: Path) -> None:
    for name, grey in (("LUNG_OPACITY", 150), ("NORMAL", 60), ("NOT_NORMAL_NO_OPACITY", 90)):
        (tmp_path / name).mkdir()
        for k in range(4):
            image = Image.new("L", (64, 64), grey - k)
            image.paste(250, (0, 0, 16, 16))  # the hottest place is the upper left corner
            image.paste(0, (48, 48, 64, 64))
            image.save(tmp_path / name / f"{name}-{k}.png")
    boxes = tmp_path / "boxes.csv"
    boxes.write_text(
        "file,x,y,width,height\nLUNG_OPACITY/LUNG_OPACITY-0.png,0,0,256,256\n"
        "LUNG_OPACITY/LUNG_OPACITY-1.png,256,256,256,256\n"
    )
    limits = Settings.from_env({}).limits
    found = evaluate.adult_figures(tmp_path, server, limits, POINTS, boxes)
    assert found["films"] == {"lung_opacity": 4, "normal": 4, "not_normal_no_opacity": 4}
    assert found["auc_opacity_against_normal"][0] == 1.0
    assert found["boxes"] == {"films": 2, "hottest_in_box": 0.5, "box_area": 0.25}
    assert "boxes" not in evaluate.adult_figures(tmp_path, server, limits, POINTS, None)


def test_an_enlarged_image_has_about_the_same_probability(
    server: Server, images_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "ENLARGED", 300)
    paths = [image.path for image in data.scan(images_dir)][::8]
    found = evaluate.size_figures(paths, server, Settings.from_env({}).limits, 0.4)
    assert (found["films"], found["enlarged_to"], found["labels_changed"]) == (4, 300, 0)
    assert 0 <= found["mean_difference"] <= found["largest_difference"] < 0.02
