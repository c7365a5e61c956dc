from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from bench import floor, payloads, xception
from bench.origin import Origin


@pytest.mark.slow
def test_the_origin_has_the_shape_of_xception_and_answers(tmp_path: Path) -> None:
    path = xception.cached(tmp_path)
    graph = onnx.load(path).graph
    assert sum(node.op_type == "Conv" for node in graph.node) == 74  # as in an export of the real network
    weights = sum(int(np.prod(entry.dims)) for entry in graph.initializer)
    assert 20.7e6 < weights < 20.9e6  # 20.86 M before folding BatchNorm
    assert xception.cached(tmp_path).stat().st_mtime_ns == path.stat().st_mtime_ns
    answer = Origin(path).answer(payloads.payloads()["jpeg_224"].data)
    assert '"pneumonia": ' in answer
    assert "NaN" not in answer


def one_convolution(path: Path, weights: NDArray[np.float32]) -> Path:
    """Write a graph of one convolution with weights [O, I, 3, 3], whose result has 100 x 100 places."""
    outputs, inputs = weights.shape[:2]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", inputs, 102, 102])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", outputs, 100, 100])],
        [numpy_helper.from_array(weights, "w")],
    )
    onnx.save(helper.make_model(graph), path)
    return path


def test_multiply_adds_are_counted_for_convolutions(tmp_path: Path) -> None:
    path = one_convolution(tmp_path / "one.onnx", np.ones((10, 4, 3, 3), np.float32))
    assert floor.multiply_adds(path) == 0.004  # 360 weights at 10,000 places, in 10^9
    assert floor.multiply_adds(path, depthwise_alone=True) == 0
    assert not floor.is_int8(path)


def test_channels_of_zeros_do_not_count_as_multiply_adds(tmp_path: Path) -> None:
    weights = np.ones((20, 8, 3, 3), np.float32)
    weights[10:], weights[:, 4:] = 0, 0
    assert floor.multiply_adds(one_convolution(tmp_path / "padded.onnx", weights)) == 0.004


def test_saturation_of_products_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cuts:
        def run(self, _: object, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            return [np.full((64, 64), 32 * 32767)]  # the result of x86 without VNNI

    monkeypatch.setattr(floor, "_session", lambda *_: Cuts())
    assert floor.saturates()


def test_payloads_match_their_names_and_are_the_same_each_time() -> None:
    first, second = payloads.payloads(), payloads.payloads()
    assert first == second
    assert [payload.name for payload in payloads.mixed(5)].count("224x224 JPEG") == 3
