"""Graphs optimised at build time give the same results, need no digest at start, and are checked before."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumonia.errors import ModelError
from pneumonia.model import optimise
from pneumonia.model.card import Card
from pneumonia.model.sessions import Model
from tests.conftest import MakeArtifacts


def load(directory: Path) -> Model:
    return Model(Card.load(directory), directory)


def test_an_optimised_ensemble_gives_the_same_results(make_artifacts: MakeArtifacts, gradient: Image.Image) -> None:
    directory = make_artifacts({"size": 32, "gain": 8.0}, {"size": 16, "gain": 2.0})
    (before,) = load(directory).predict([gradient])
    made = optimise.prepare(directory)
    assert {path.name for path in made} == {"tiny-0.prepared.onnx", "tiny-1.prepared.onnx"}
    assert set(directory.glob("*.onnx")) == set(made)
    (after,) = load(directory).predict([gradient])
    assert after.logit == pytest.approx(before.logit, abs=1e-5)
    assert np.allclose(after.activation_map, before.activation_map, atol=1e-5)


def test_the_shipped_graph_gives_the_same_results(real_artifacts: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    shutil.copytree(real_artifacts, directory)
    with Image.open(directory / "golden.png") as image:
        image.load()
        golden = image.convert("L")
    (before,) = load(directory).predict([golden])
    (graph,) = optimise.prepare(directory)
    weights = graph.with_suffix(".weights")
    assert weights.stat().st_size > 50 * graph.stat().st_size  # nearly everything is mapped, not parsed
    (after,) = load(directory).predict([golden])
    assert after.logit == pytest.approx(before.logit, abs=optimise.TOLERANCE)
    assert after.gate == before.gate
    weights.unlink()
    with pytest.raises(ModelError, match="cannot load xception"):
        load(directory)


def test_the_optimised_file_keeps_the_time_of_the_original(make_artifacts: MakeArtifacts) -> None:
    directory = make_artifacts()
    original = (directory / "tiny-0.onnx").stat().st_mtime
    (made,) = optimise.prepare(directory)
    assert made.stat().st_mtime == original


def test_an_altered_graph_is_not_prepared(make_artifacts: MakeArtifacts) -> None:
    directory = make_artifacts()
    path = directory / "tiny-0.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"tiny-0\.onnx has sha256"):
        optimise.prepare(directory)
    assert path.exists()


def test_an_optimised_graph_with_other_results_is_not_kept(
    make_artifacts: MakeArtifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make_artifacts()
    outputs = iter([[np.zeros(1)], [np.ones(1)]])

    monkeypatch.setattr(optimise, "_outputs", lambda path, image: next(outputs))
    with pytest.raises(ModelError, match="gives other results"):
        optimise.prepare(directory)
    assert [path.name for path in directory.glob("*.onnx")] == ["tiny-0.onnx"]


def test_a_damaged_prepared_graph_is_an_error(make_artifacts: MakeArtifacts) -> None:
    directory = make_artifacts()
    (made,) = optimise.prepare(directory)
    made.write_bytes(made.read_bytes()[:100])
    with pytest.raises(ModelError, match=r"cannot load tiny-0\.onnx"):
        load(directory)


def test_without_a_prepared_graph_the_original_is_checked(make_artifacts: MakeArtifacts) -> None:
    directory = make_artifacts({"size": 32, "gain": 8.0}, {"size": 16, "gain": 2.0})
    optimise.prepare(directory)
    (directory / "tiny-1.prepared.onnx").unlink()
    with pytest.raises(ModelError, match="Cannot read the model"):
        load(directory)
