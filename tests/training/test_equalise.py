from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from training import equalise, quantise

SIZE, CHANNELS = 16, 6


@pytest.fixture
def uneven() -> Any:
    """Return a residual network whose channels differ a hundredfold in range, with its pooled features as output."""
    random = np.random.default_rng(3)
    loudness = np.geomspace(1, 100, CHANNELS)[:, None, None, None]
    weights = {
        "stem": random.normal(0, 0.05, (CHANNELS, 1, 3, 3)) * loudness,
        "stem_bias": random.normal(0, 0.1, CHANNELS),
        "depth": random.normal(0, 0.5, (CHANNELS, 1, 3, 3)) / loudness,
        "point": random.normal(0, 0.5, (CHANNELS, CHANNELS, 1, 1)) * loudness,
        "depth2": random.normal(0, 0.5, (CHANNELS, 1, 3, 3)) * loudness[::-1],
        "point2": random.normal(0, 0.1, (4, CHANNELS, 1, 1)),
        "half": np.float32(127.5),
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        node("Div", ["float", "half"], ["unit"]),
        node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        node("Conv", ["planes", "stem", "stem_bias"], ["c1"], "stem"),
        node("Relu", ["c1"], ["r1"]),
        node("Conv", ["r1", "depth"], ["c2"], "depth", group=CHANNELS, pads=[1, 1, 1, 1]),
        node("Conv", ["c2", "point"], ["c3"], "point"),
        node("Add", ["c3", "r1"], ["sum"]),
        node("MaxPool", ["sum"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Relu", ["p1"], ["r2"]),
        node("Conv", ["r2", "depth2"], ["c4"], "depth2", group=CHANNELS, pads=[1, 1, 1, 1]),
        node("Conv", ["c4", "point2"], ["c5"], "point2"),
        node("Relu", ["c5"], ["cells"]),
        node("GlobalAveragePool", ["cells"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "uneven",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE, SIZE, 1])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 4, 1, 1])],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 255, (24, SIZE, SIZE, 1), dtype=np.uint8)


def features(model: Any, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["features"], {"image": images})[0])


def copied(model: Any) -> Any:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def test_a_stream_joins_what_addition_pooling_and_rectifiers_join(uneven: Any) -> None:
    found = equalise.streams(uneven.graph)
    parts = {(tuple(n.name for n in s.producers), tuple(n.name for n in s.consumers)) for s in found}
    # The residual stream is one. Tensors that reach the features or come from the image are none.
    assert parts == {(("stem", "point"), ("depth", "depth2")), (("depth",), ("point",)), (("depth2",), ("point2",))}


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_the_output_of_the_graph_does_not_change(uneven: Any, images: NDArray[np.uint8], exponent: float) -> None:
    before = features(uneven, images)
    assert equalise.equalise(uneven, images, exponent) == 3
    np.testing.assert_allclose(features(uneven, images), before, rtol=1e-4, atol=1e-4)


def test_channels_read_by_depthwise_filters_get_one_range(uneven: Any, images: NDArray[np.uint8]) -> None:
    before = equalise.channel_ranges(uneven, ["r1"], images)["r1"]
    equalise.equalise(uneven, images)
    after = equalise.channel_ranges(uneven, ["r1", "sum"], images)
    together = np.maximum(after["r1"], after["sum"])
    assert before.max() > 20 * before.min()
    np.testing.assert_allclose(together, together.max(), rtol=1e-3)


def test_int8_comes_nearer_to_float32(uneven: Any, images: NDArray[np.uint8], tmp_path: Path,
                                      monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    onnx.save(uneven, tmp_path / "float.onnx")
    expected = features(uneven, images[16:])

    def gap(name: str) -> float:
        quantise.quantise(tmp_path / "float.onnx", tmp_path / name, images[:16])
        return float(np.abs(features(onnx.load(tmp_path / name), images[16:]) - expected).mean())

    even = gap("even.onnx")
    monkeypatch.setattr(equalise, "equalise", lambda model, images: 0)
    assert even < 0.7 * gap("uneven.onnx")


def test_silent_channels_stay_finite() -> None:
    factor = equalise.factors(np.array([0.0, 1.0, 4.0], np.float32), np.array([1.0, 0.0, 2.0], np.float32))
    assert np.isfinite(factor).all()
    assert (factor > 0).all()


def test_a_graph_without_streams_does_not_change(images: NDArray[np.uint8]) -> None:
    node = helper.make_node("Cast", ["image"], ["features"], to=TensorProto.FLOAT)
    graph = helper.make_graph(
        [node], "none", [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE, SIZE, 1])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", SIZE, SIZE, 1])],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    before = copied(model)
    assert equalise.equalise(model, images) == 0
    assert model == before
