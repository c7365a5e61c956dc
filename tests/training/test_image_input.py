from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tests.training.graphs import SIZE, network, outputs
from training import image_input


@pytest.fixture
def model(tmp_path: Path) -> Any:
    return onnx.load(network(tmp_path / "float.onnx"))


def node(model: Any, name: str) -> Any:
    return next(node for node in model.graph.node if node.name == name)


def test_the_folded_scaling_changes_no_result(model: Any) -> None:
    expected = outputs(model, "logit")[0]
    assert image_input.fold_scaling(model) == "planes"
    assert [node.op_type for node in model.graph.node[:3]] == ["Cast", "Transpose", "Conv"]
    np.testing.assert_allclose(outputs(model, "logit")[0], expected, rtol=1e-4)


def test_an_existing_bias_is_kept(model: Any) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.arange(8, dtype=np.float32), "stem_bias"))
    node(model, "stem").input.append("stem_bias")
    expected = outputs(model, "logit")[0]
    image_input.fold_scaling(model)
    np.testing.assert_allclose(outputs(model, "logit")[0], expected, rtol=1e-4)


def test_a_convolution_that_pads_its_input_is_left_alone(model: Any) -> None:
    # Padding adds zeros to the scaled image. They are not zeros of the image.
    node(model, "stem").attribute.append(helper.make_attribute("pads", [1, 1, 1, 1]))
    before = model.SerializeToString()
    assert image_input.fold_scaling(model) is None
    assert model.SerializeToString() == before


@pytest.mark.parametrize("value", [np.ones(SIZE), np.ones((1, SIZE, SIZE, 1))])
def test_a_scaling_that_differs_between_pixels_is_left_alone(model: Any, value: Any) -> None:
    half = next(entry for entry in model.graph.initializer if entry.name == "half")
    half.CopyFrom(numpy_helper.from_array(value.astype(np.float32), "half"))
    assert image_input.fold_scaling(model) is None


def test_an_image_that_something_else_reads_too_is_left_alone(model: Any) -> None:
    model.graph.node.append(helper.make_node("Identity", ["scaled"], ["again"], "again"))
    assert image_input.fold_scaling(model) is None


def test_another_scale_of_the_image_is_refused(model: Any) -> None:
    for name, value in {"s": np.float32(2), "z": np.uint8(0)}.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    model.graph.node.insert(1, helper.make_node("QuantizeLinear", ["float", "s", "z"], ["bytes"], "q"))
    model.graph.node.insert(2, helper.make_node("DequantizeLinear", ["bytes", "s", "z"], ["back"], "dq"))
    node(model, "scale").input[0] = "back"
    with pytest.raises(RuntimeError, match="not 1 and 0"):
        image_input.read_image(model)
