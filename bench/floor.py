"""The lower limit of the time: a model's multiply-adds, and the rate of onnxruntime's GEMM (matrix multiplication)."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

SIDES = (256, 512, 1024)
SECONDS = 1.0  # spent on each matrix size


def gemm_rates(threads: int) -> dict[str, float]:
    """Return the best rates in 10^9 multiply-adds per second, for float32 and for uint8 by int8."""
    return {
        "float32": max(_rate(side, threads, "MatMul", np.float32, np.float32) for side in SIDES),
        "int8": max(_rate(side, threads, "MatMulInteger", np.uint8, np.int8) for side in SIDES),
    }


def saturates() -> bool:
    """Return whether sums of two int8 products saturate at 16 bits, as on x86 without VNNI.

    The result shows which instructions onnxruntime uses, regardless of the features that the CPU lists.
    """
    a, b = np.full((64, 64), 255, np.uint8), np.full((64, 64), 127, np.int8)
    return bool((_session("MatMulInteger", a, b, 1).run(None, {"a": a})[0] != 64 * 255 * 127).any())


def _rate(side: int, threads: int, kind: str, left: type, right: type) -> float:
    random = np.random.default_rng(0)
    a: NDArray[Any] = random.integers(0, 100, (side, side)).astype(left)
    b: NDArray[Any] = random.integers(0, 100, (side, side)).astype(right)
    session = _session(kind, a, b, threads)
    session.run(None, {"a": a})
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        session.run(None, {"a": a})
        best = min(best, time.perf_counter() - start)
    return round(side**3 / best / 1e9, 1)


def _session(kind: str, a: NDArray[Any], b: NDArray[Any], threads: int) -> Any:
    """Return a session that multiplies its input `a` by `b`, with one output."""
    result = TensorProto.FLOAT if kind == "MatMul" else TensorProto.INT32
    graph = helper.make_graph(
        [helper.make_node(kind, ["a", "b"], ["c"])],
        "gemm",
        [helper.make_tensor_value_info("a", helper.np_dtype_to_tensor_dtype(a.dtype), list(a.shape))],
        [helper.make_tensor_value_info("c", result, [a.shape[0], b.shape[1]])],
        [onnx.numpy_helper.from_array(b, "b")],  # a constant, so onnxruntime packs it once, like the weights of a model
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def multiply_adds(path: Path, *, depthwise_alone: bool = False) -> float:
    """Return the multiply-adds (in 10^9) of a graph's convolutions for one image. The rest is below one percent.

    `depthwise_alone`: count only depthwise convolutions, whose filters read one channel each. The channels of zeros
    that pad the graph (`training/padding.py`) do not count.
    """
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    shapes = {
        entry.name: [dimension.dim_value for dimension in entry.type.tensor_type.shape.dim]
        for entry in (*model.graph.value_info, *model.graph.output)
    }
    weights = {entry.name: _used(onnx.numpy_helper.to_array(entry)) for entry in model.graph.initializer}
    # In a quantised graph, the weights of a convolution are the output of a DequantizeLinear.
    weights |= {
        node.output[0]: weights[node.input[0]]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in weights
    }
    total = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            _, _, height, width = shapes[node.output[0]]
            dims = weights[node.input[1]]
            if dims[1] == 1 or not depthwise_alone:
                total += int(np.prod(dims)) * height * width
    return round(total / 1e9, 3)


def _used(values: NDArray[Any]) -> list[int]:
    """Return the shape of convolution weights, without output and input channels (axes 0 and 1) that are all zero."""
    if values.ndim != 4:
        return list(values.shape)
    used = values != 0
    return [int(used.any((1, 2, 3)).sum()), int(used.any((0, 2, 3)).sum()), *values.shape[2:]]


def is_int8(path: Path) -> bool:
    """Return whether the convolutions of the graph are quantised."""
    return any(node.op_type in ("QuantizeLinear", "QLinearConv") for node in onnx.load(path).graph.node)
