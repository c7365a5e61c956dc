"""A small ONNX graph with the operators and outputs of the served one."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIZE, CHANNELS = 32, 8


def network(path: Path, *, convolutions: bool = True) -> Path:
    """Return a residual network with random weights and the outputs of the served network."""
    random = np.random.default_rng(3)
    weights = {
        "stem": random.normal(0, 0.5, (CHANNELS, 1, 3, 3)),
        "depth": random.normal(0, 0.5, (CHANNELS, 1, 3, 3)),
        "point": random.normal(0, 0.5, (CHANNELS, CHANNELS, 1, 1)),
        "dense": random.normal(0, 0.5, (CHANNELS if convolutions else 1, 1)),
        "half": np.float32(127.5),
        "one": np.float32(-1.0),
        "bias": np.array([0.3], np.float32),
    }
    node = helper.make_node
    backbone = [
        node("Conv", ["planes", "stem"], ["c1"], "stem", strides=[2, 2]),
        node("Relu", ["c1"], ["r1"], "act1"),
        node("Conv", ["r1", "depth"], ["c2"], "depth", group=CHANNELS, pads=[1, 1, 1, 1]),
        node("Conv", ["c2", "point"], ["c3"], "point"),
        node("Add", ["c3", "r1"], ["sum"], "residual"),
        node("Relu", ["sum"], ["cells"], "act2"),
    ]
    nodes = [
        node("Cast", ["image"], ["float"], "cast", to=TensorProto.FLOAT),
        node("Div", ["float", "half"], ["unit"], "scale"),
        node("Add", ["unit", "one"], ["scaled"], "offset"),
        node("Transpose", ["scaled"], ["planes"], "planes", perm=[0, 3, 1, 2]),
        *(backbone if convolutions else [node("Relu", ["planes"], ["cells"], "act2")]),
        node("GlobalAveragePool", ["cells"], ["pooled"], "pool"),
        node("Flatten", ["pooled"], ["features"], "flat"),
        node("MatMul", ["features", "dense"], ["product"], "dense"),
        node("Add", ["product", "bias"], ["biased"], "bias"),
        node("Flatten", ["biased"], ["logit"], "logit"),
        node("Transpose", ["cells"], ["places"], "places", perm=[0, 2, 3, 1]),
        node("MatMul", ["places", "dense"], ["activation_map"], "map"),
    ]
    graph = helper.make_graph(
        nodes,
        "random",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE, SIZE, 1])],
        [
            helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["N", 1]),
            helper.make_tensor_value_info("activation_map", TensorProto.FLOAT, None),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, None),
        ],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    return path


def outputs(model: Any, *names: str) -> Any:
    """Return the named outputs of a graph for four random images."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    images = np.random.default_rng(7).integers(0, 256, (4, SIZE, SIZE, 1), dtype=np.uint8)
    return session.run(list(names), {"image": images})
