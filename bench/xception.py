"""An fp32 Xception at 150x150 RGB with random weights: the shape and cost of the origin's network.

Random weights are enough: the time of a float32 graph does not depend on its weights, unless values become denormal or
infinite. Batch normalisation is folded into the convolutions, as export tools do.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 150
MIDDLE_BLOCKS = 8


class _Graph:
    """Collect nodes and weights. Every method adds an operator and returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)

    def add(self, kind: str, inputs: list[str], **attributes: object) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], f"{kind}_{len(self.nodes)}", **attributes))
        return name

    def weight(self, *shape: int) -> str:
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 1
        values = self._random.normal(0, np.sqrt(2 / fan_in) if len(shape) > 1 else 0.01, shape)
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def conv(self, x: str, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, pad: str = "VALID") -> str:
        weights = [self.weight(outputs, inputs, kernel, kernel), self.weight(outputs)]
        return self.add("Conv", [x, *weights], strides=[stride, stride], auto_pad=pad)

    def separable(self, x: str, inputs: int, outputs: int) -> str:
        depthwise = self.add("Conv", [x, self.weight(inputs, 1, 3, 3)], group=inputs, auto_pad="SAME_UPPER")
        return self.conv(depthwise, inputs, outputs)

    def relu(self, x: str) -> str:
        return self.add("Relu", [x])

    def reducing_block(self, x: str, inputs: int, inner: int, outputs: int, *, activate_first: bool = True) -> str:
        aside = self.conv(x, inputs, outputs, stride=2, pad="SAME_UPPER")
        y = self.separable(self.relu(x) if activate_first else x, inputs, inner)
        y = self.separable(self.relu(y), inner, outputs)
        y = self.add("MaxPool", [y], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
        return self.add("Add", [y, aside])


def write(path: Path) -> Path:
    """Write the graph (input `image` float32 [1, 150, 150, 3] in 0..1, output `probabilities` [1, 2])."""
    g = _Graph()
    x = g.add("Transpose", ["image"], perm=[0, 3, 1, 2])
    x = g.relu(g.conv(x, 3, 32, kernel=3, stride=2))
    x = g.relu(g.conv(x, 32, 64, kernel=3))
    x = g.reducing_block(x, 64, 128, 128, activate_first=False)
    x = g.reducing_block(x, 128, 256, 256)
    x = g.reducing_block(x, 256, 728, 728)
    for _ in range(MIDDLE_BLOCKS):
        y = x
        for _ in range(3):
            y = g.separable(g.relu(y), 728, 728)
        x = g.add("Add", [x, y])
    x = g.reducing_block(x, 728, 728, 1024)
    x = g.relu(g.separable(x, 1024, 1536))
    x = g.relu(g.separable(x, 1536, 2048))
    x = g.add("Flatten", [g.add("GlobalAveragePool", [x])])
    x = g.add("Softmax", [g.add("Gemm", [x, g.weight(2048, 2), g.weight(2)])])
    g.nodes[-1].output[0] = "probabilities"
    graph = helper.make_graph(
        g.nodes,
        "xception-150",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, 2])],
        g.weights,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    return path


def cached(folder: Path) -> Path:
    """Return the path of the graph in `folder`, after writing it if it is missing."""
    path = folder / "xception-150-fp32.onnx"
    return path if path.exists() else write(path)
