from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.training.graphs import CHANNELS, network, outputs
from training import padding


@pytest.fixture
def model(tmp_path: Path) -> Any:
    return onnx.load(network(tmp_path / "float.onnx"))


def weights(model: Any) -> dict[str, Any]:
    return {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}


def deeper(model: Any) -> Any:
    """Return the model with one more convolution, so that every channel lies between convolutions."""
    last = np.random.default_rng(2).normal(0, 1, (CHANNELS, CHANNELS, 1, 1)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(last, "last"))
    nodes = list(model.graph.node)
    place = next(k for k, node in enumerate(nodes) if node.name == "pool")
    for node in nodes[place:]:
        node.input[:] = ["seen" if name == "cells" else name for name in node.input]
    nodes.insert(place, onnx.helper.make_node("Conv", ["cells", "last"], ["seen"], "last"))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def test_padded_channels_change_no_result(model: Any) -> None:
    model = deeper(model)
    expected = outputs(model, "logit", "activation_map")
    assert padding.pad_channels(model, 6) == 2
    found = weights(model)
    assert found["stem"].shape[0] == found["depth"].shape[0] == found["point"].shape[0] == 12
    assert found["point"].shape[1] == found["last"].shape[1] == 12
    assert found["last"].shape[0] == CHANNELS  # others than convolutions read these
    for one, other in zip(outputs(model, "logit", "activation_map"), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_channels_that_fit_already_stay(model: Any) -> None:
    before = model.SerializeToString()
    assert padding.pad_channels(model, CHANNELS) == 0
    assert model.SerializeToString() == before


def test_a_depthwise_convolution_is_padded_on_both_sides_or_not_at_all(model: Any) -> None:
    # The residual sum reaches the head, so the channels of the stem and of the depthwise convolution stay.
    expected = outputs(model, "logit", "activation_map")
    assert padding.pad_channels(model, 16) == 0
    for one, other in zip(outputs(model, "logit", "activation_map"), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
