"""The fit of the gate and its nodes in the graph, on a tiny network."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

from pneumonia.model.card import POSES
from pneumonia.model.preprocess import to_model_input
from pneumonia.model.sessions import GATE_OUTPUTS

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

import keras

from tests.training.conftest import MakeCore
from training import gate, network
from training.export import export
from training.gate_check import rates


@pytest.fixture(scope="module")
def member(make_core: MakeCore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export a random network."""
    keras.utils.set_random_seed(1)
    path = tmp_path_factory.mktemp("member") / "tiny.onnx"
    export(network.classifier(make_core(features=24)), path)
    return path


def picture(seed: int, *, low: int, high: int, curve: float = 1.0) -> Image.Image:
    """Return noise over a vertical ramp. ``curve`` bends the ramp, which stretching of the grey range does not undo."""
    rng = np.random.default_rng(seed)
    rows = low + (high - low) * np.linspace(1, 0, 32)[:, None] ** curve + rng.normal(0, 6, (32, 32))
    return Image.fromarray(np.clip(rows, 0, 255).astype(np.uint8))


def inputs(images: Sequence[Image.Image]) -> NDArray[np.uint8]:
    """Return the images as the model reads them."""
    return np.stack([to_model_input(image, 32, 32, stretch=True) for image in images])


def test_the_graph_computes_the_fitted_gate(member: Path) -> None:
    read = gate.feature_reader(member)
    images = [picture(k, low=20, high=140) for k in range(60)]
    adults = [picture(100 + k, low=60, high=220, curve=2.5) for k in range(60)]
    upright = [read(images), read(adults)]
    turned: dict[str, Sequence[NDArray[np.float32]]] = {
        pose: [read([gate.changed(one, pose) for one in group[:20]]) for group in (images, adults)]
        for pose in POSES[1:]
    }
    fitted = gate.fit(upright, turned)
    gate.attach(member, fitted)

    session = onnxruntime.InferenceSession(str(member), providers=["CPUExecutionProvider"])
    # The features are no longer an output.
    assert {entry.name for entry in session.get_outputs()} == {"logit", "activation_map", "lung_map", *GATE_OUTPUTS}
    batch = inputs(images[:5])
    distance, population, pose = session.run(list(GATE_OUTPUTS), {"image": batch})
    assert distance == pytest.approx(fitted.gaussian.distance(gate.unit(read(images[:5]))), rel=1e-3)
    assert distance.shape == population.shape == (5,)
    assert pose.shape == (5, len(POSES))
    # Most of the next five images of each population are on the right side of the limit.
    fresh = inputs([picture(500 + k, low=60, high=220, curve=2.5) for k in range(20)])
    assert np.mean(session.run([GATE_OUTPUTS[1]], {"image": fresh})[0] > fitted.population_threshold) > 0.5
    # A checkerboard resembles neither population.
    board = (np.indices((32, 32)).sum(0) % 2 * 255).astype(np.uint8)[None, :, :, None]
    assert session.run([GATE_OUTPUTS[0]], {"image": board})[0][0] > fitted.distance_threshold


def test_the_gate_reverses_a_pose() -> None:
    image = picture(1, low=0, high=200)
    assert gate.changed(image, "turned_90").tobytes() == image.transpose(Image.Transpose.ROTATE_90).tobytes()
    assert gate.changed(image, "upright") is image


def test_half_of_the_patients_fit_and_the_others_judge() -> None:
    share = np.mean([gate.belongs_to_fit(f"{k:08d}") for k in range(2000)])
    assert 0.45 < share < 0.55
    assert gate.belongs_to_fit("00000013") == gate.belongs_to_fit("00000013")


def test_rates() -> None:
    found = rates(Counter(film=90, flagged=5, not_a_chest_xray=4, wrong_orientation=1))
    assert (found["images"], found["refused"], found["flagged"]) == (100, 0.05, 0.05)
