import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from pneumonia.errors import ModelError
from pneumonia.model.card import Card
from pneumonia.model.sessions import Model
from tests.conftest import MakeArtifacts


def load(directory: Path) -> Model:
    return Model(Card.load(directory), directory)


def grey(value: int, size: tuple[int, int] = (50, 40)) -> Image.Image:
    return Image.new("L", size, value)


def test_logit_and_map_come_from_the_graph(artifacts: Path) -> None:
    black, white = load(artifacts).predict([grey(0), grey(255)])
    assert black.logit == pytest.approx(-8.0, abs=1e-4)
    assert white.logit == pytest.approx(8.0, abs=1e-4)
    assert (white.activation_map.shape, white.activation_map.dtype) == ((4, 4), np.dtype(np.float32))
    assert np.allclose(white.activation_map, 8.0, atol=1e-4)


def test_the_map_has_the_orientation_of_the_image(artifacts: Path) -> None:
    image = grey(0)
    image.paste(255, (25, 0, 50, 20))  # the upper right quarter
    activation = load(artifacts).predict([image])[0].activation_map
    assert (activation[:2, 2:] > 0).all()
    assert (activation[2:] < 0).all()
    assert (activation[:, :2] < 0).all()


def test_a_batch_gives_the_same_results_as_single_images(artifacts: Path, gradient: Image.Image) -> None:
    model = load(artifacts)
    images = [grey(10), gradient, grey(240, (500, 20))]
    batch = [p.logit for p in model.predict(images)]
    assert batch == pytest.approx([model.predict([image])[0].logit for image in images], abs=1e-5)


def test_no_images(artifacts: Path) -> None:
    assert load(artifacts).predict([]) == []


def test_ensemble_is_the_weighted_mean(make_artifacts: MakeArtifacts, gradient: Image.Image) -> None:
    first = {"size": 32, "gain": 8.0, "weight": 3.0}
    second = {"size": 16, "gain": 2.0, "weight": 1.0}
    both = load(make_artifacts(first, second)).predict([grey(255), gradient])
    a = load(make_artifacts(first)).predict([grey(255), gradient])
    b = load(make_artifacts(second)).predict([grey(255), gradient])
    assert both[0].logit == pytest.approx(0.75 * 8.0 + 0.25 * 2.0, abs=1e-4)
    for one, x, y in zip(both, a, b, strict=True):
        assert one.logit == pytest.approx(0.75 * x.logit + 0.25 * y.logit, abs=1e-4)
        assert np.allclose(one.activation_map, 0.75 * x.activation_map + 0.25 * y.activation_map, atol=1e-4)


def rewrite(directory: Path, graph: onnx.ModelProto) -> None:
    """Replace the first member by another graph, and put its digest into the card."""
    data = graph.SerializeToString()
    (directory / "tiny-0.onnx").write_bytes(data)
    document = json.loads((directory / "card.json").read_text())
    document["members"][0]["sha256"] = hashlib.sha256(data).hexdigest()
    (directory / "card.json").write_text(json.dumps(document))


def graph_with(
    *,
    input_name: str = "image",
    input_type: int = TensorProto.UINT8,
    outputs: tuple[str, str] = ("logit", "activation_map"),
    divisor: float = 1.0,
) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Cast", [input_name], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "divisor"], ["scaled"]),
        helper.make_node("ReduceMean", ["scaled"], [outputs[0]], axes=[1, 2, 3], keepdims=0),
        helper.make_node("ReduceMean", ["scaled"], [outputs[1]], axes=[3], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "other",
        [helper.make_tensor_value_info(input_name, input_type, ["N", 32, 32, 1])],
        [
            helper.make_tensor_value_info(outputs[0], TensorProto.FLOAT, ["N"]),
            helper.make_tensor_value_info(outputs[1], TensorProto.FLOAT, ["N", 32, 32]),
        ],
        [helper.make_tensor("divisor", TensorProto.FLOAT, [], [divisor])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_name": "input_1"}, "must have the input 'image'"),
        ({"outputs": ("dense", "activation_map")}, "must have the input 'image'"),
        ({"input_type": TensorProto.FLOAT}, r"takes tensor\(float\)"),
    ],
)
def test_a_graph_with_another_signature_is_refused(
    make_artifacts: MakeArtifacts, changes: dict[str, Any], message: str
) -> None:
    directory = make_artifacts()
    rewrite(directory, graph_with(**changes))
    with pytest.raises(ModelError, match=message):
        load(directory)


def test_a_card_with_another_input_size_is_refused(make_artifacts: MakeArtifacts) -> None:
    directory = make_artifacts()
    document = json.loads((directory / "card.json").read_text())
    document["members"][0]["input"]["width"] = 64
    (directory / "card.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match="the card says uint8"):
        load(directory)


def test_numbers_that_are_not_finite_are_an_error(make_artifacts: MakeArtifacts) -> None:
    directory = make_artifacts()
    rewrite(directory, graph_with(divisor=0.0))
    with pytest.raises(ModelError, match="not a finite number"):
        load(directory).predict([grey(0)])


def test_a_file_that_is_not_onnx_is_refused(make_artifacts: MakeArtifacts) -> None:
    directory = make_artifacts()
    (directory / "tiny-0.onnx").write_bytes(b"not onnx")
    document = json.loads((directory / "card.json").read_text())
    document["members"][0]["sha256"] = hashlib.sha256(b"not onnx").hexdigest()
    (directory / "card.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match="onnxruntime cannot load"):
        load(directory)


def test_an_altered_file_is_never_loaded(make_artifacts: MakeArtifacts) -> None:
    directory = make_artifacts()
    (directory / "tiny-0.onnx").write_bytes(graph_with().SerializeToString())
    with pytest.raises(ModelError, match="sha256"):
        load(directory)


def test_a_lung_map_is_returned_if_the_model_has_one(make_artifacts: MakeArtifacts) -> None:
    directory = make_artifacts()
    assert load(directory).predict([grey(255)])[0].lung_map is None
    graph = graph_with(divisor=510.0)
    graph.graph.node.append(helper.make_node("Identity", ["activation_map"], ["lung_map"]))
    graph.graph.output.append(helper.make_tensor_value_info("lung_map", TensorProto.FLOAT, ["N", 32, 32]))
    rewrite(directory, graph)
    black, white = (output.lung_map for output in load(directory).predict([grey(0), grey(255)]))
    assert black is not None
    assert white is not None
    assert (white.shape, white.dtype) == ((32, 32), np.dtype(np.float32))
    assert np.allclose(black, 0)
    assert np.allclose(white, 0.5)
