"""Make the first convolution of a quantised graph read the uint8 image directly.

Before its first convolution, the network scales pixels to [-1, 1] with two float32 operators. These take 3% of the
time of a prediction, although the quantised graph rounds their result to 8 bits again. Two functions remove them:

1. `fold_scaling` moves the scaling into the weights and the bias of the first convolution. That convolution has no
   padding, so the result is the same up to float32 rounding.
2. `read_image` removes the cast and the quantisation of the image from the quantised graph. With a scale of 1 and a
   zero point of 0, the pixels are already the quantised values, so nothing is rounded.
"""

from typing import Any

import numpy as np
from onnx import numpy_helper

AFFINE = {"Mul": np.multiply, "Div": np.divide, "Add": np.add, "Sub": np.subtract}
RESHAPING = ("Reshape", "Transpose")


def fold_scaling(model: Any) -> str | None:
    """Fold the scaling of the image into the first convolution of ``model``, float32 ONNX, in place.

    Return the name of the tensor that the convolution then reads: the image as float32 in 0..255. Return None and
    change nothing if the convolution pads its input, or if the path from the image to it contains anything other
    than a cast, operators with one scalar constant, and reshaping.
    """
    graph = model.graph
    stored = {entry.name: entry for entry in graph.initializer}
    path = _path(graph)
    if not path or path[0].op_type != "Cast" or path[-1].op_type != "Conv" or _padded(path[-1]):
        return None
    slope, offset, steps = np.float64(1.0), np.float64(0.0), []
    for node in path[1:-1]:
        if node.op_type in RESHAPING:
            continue
        if node.op_type not in AFFINE or node.input[1] not in stored:
            return None
        value = numpy_helper.to_array(stored[node.input[1]]).astype(np.float64)
        if value.size != 1:
            return None
        offset = AFFINE[node.op_type](offset, value.item())
        slope = slope * value.item() if node.op_type == "Mul" else slope
        slope = slope / value.item() if node.op_type == "Div" else slope
        steps.append(node)
    first = path[-1]
    weights = numpy_helper.to_array(stored[first.input[1]]).astype(np.float64)
    bias = numpy_helper.to_array(stored[first.input[2]]).astype(np.float64) if len(first.input) > 2 else 0.0
    _store(graph, first, 1, weights * slope)
    _store(graph, first, 2, bias + offset * weights.sum((1, 2, 3)))
    for node in steps:
        _bypass(graph, node)
    return str(first.input[0])


def read_image(model: Any) -> None:
    """Remove the cast and the quantisation of the image from ``model``, the quantised graph of `fold_scaling`.

    Raises ``RuntimeError`` if the image is not quantised with a scale of 1 and a zero point of 0.
    """
    graph = model.graph
    stored = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    path = _path(graph)
    cast = path[0]
    quantised = next(node for node in path if node.op_type == "QuantizeLinear")
    scale, zero = (stored[name] for name in quantised.input[1:3])
    if scale != 1 or zero != 0 or zero.dtype != np.uint8:
        raise RuntimeError(f"the image is quantised with the scale {scale} and the zero point {zero}, not 1 and 0")
    _bypass(graph, cast)
    _bypass(graph, quantised)
    del graph.value_info[:]  # These types are wrong now; onnxruntime infers them again.


def _path(graph: Any) -> list[Any]:
    """Return the nodes from the image to the first convolution; empty if another node reads one of their outputs."""
    name, path = graph.input[0].name, list[Any]()
    while not path or path[-1].op_type != "Conv":
        readers = [node for node in graph.node if name in node.input]
        if len(readers) != 1 or readers[0].input[0] != name:
            return []
        path.append(readers[0])
        name = readers[0].output[0]
    return path


def _padded(node: Any) -> bool:
    attributes = {attribute.name: attribute for attribute in node.attribute}
    automatic = attributes["auto_pad"].s if "auto_pad" in attributes else b"NOTSET"
    return automatic not in (b"NOTSET", b"VALID") or ("pads" in attributes and any(attributes["pads"].ints))


def _store(graph: Any, node: Any, place: int, value: Any) -> None:
    """Make ``value`` the constant that ``node`` reads at ``place``. Other nodes may still read the old constant."""
    name = f"{node.name}/image/{place}"
    graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
    if len(node.input) > place:
        node.input[place] = name
    else:
        node.input.append(name)


def _bypass(graph: Any, node: Any) -> None:
    """Remove ``node``. Nodes that read its output then read its first input."""
    for other in graph.node:
        other.input[:] = [node.input[0] if name == node.output[0] else name for name in other.input]
    graph.node.remove(node)
