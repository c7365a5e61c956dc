"""Give the channels of every activation the same range, so that one int8 step fits all of them.

An activation has one scale for all of its channels. If their ranges differ, channels with small values use only two
or three of the 8 bits. Rounding is then so coarse that a change of one grey level in the image moves the logit.

The operators between convolutions (ReLU, addition, max pooling) commute with a positive factor per channel. A factor
can therefore move from the activation into the weights before and after it, without changing the output of the graph
(Nagel et al. 2019, arXiv:1906.04721; the exponent is from Xiao et al. 2023, arXiv:2211.10438). Weights are quantised
for each output channel, so factors on the outputs of a convolution cost no precision. The same is true of factors on
the inputs of a depthwise convolution.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

Array = NDArray[np.float32]

# Operators that commute with a positive factor per channel -> the number of their inputs that must have the factor.
HOMOGENEOUS = {"Relu": 1, "MaxPool": 1, "Add": 2}
# Share of the difference between channels (as an exponent) to move into weights, where this costs them precision.
EXPONENT = 0.75
# Channels below this share of the largest range are not scaled up further, because they may always be zero.
QUIETEST = 1e-3
BATCH = 8


@dataclass
class Stream:
    """Tensors with the same channels between the convolutions that write them and those that read them."""

    tensors: set[str] = field(default_factory=set)
    producers: list[Any] = field(default_factory=list)
    consumers: list[Any] = field(default_factory=list)


def streams(graph: Any) -> list[Stream]:
    """Return the streams of ``graph`` that only convolutions write and read, in the order of computation."""
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    constants = {entry.name for entry in graph.initializer}
    fixed = {entry.name for entry in (*graph.input, *graph.output)}
    for node in graph.node:
        if node.op_type in HOMOGENEOUS and not constants.intersection(node.input):
            for name in node.input[: HOMOGENEOUS[node.op_type]]:
                parent[find(name)] = find(node.output[0])
        elif node.op_type == "Conv":
            fixed.update(name for name in node.input[:1] if name in constants)
        else:
            fixed.update((*node.input, *node.output))
    held = {find(name) for name in fixed}
    found: dict[str, Stream] = defaultdict(Stream)
    for node in graph.node:
        if node.op_type == "Conv":
            found[find(node.output[0])].producers.append(node)
            found[find(node.input[0])].consumers.append(node)
        if node.op_type in (*HOMOGENEOUS, "Conv"):
            for name in (*node.input[:1], *node.output):
                found[find(name)].tensors.add(name)
    return [s for root, s in found.items() if root not in held and s.producers and s.consumers]


def depthwise(node: Any, weights: dict[str, Array]) -> bool:
    """Return whether the convolution is depthwise: every channel has its own filter, and so its own scale."""
    group = next((a.i for a in node.attribute if a.name == "group"), 1)
    return bool(group > 1 and weights[node.input[1]].shape[1] == 1)


def channel_ranges(model: Any, names: Iterable[str], images: NDArray[np.uint8]) -> dict[str, Array]:
    """Return each tensor's largest magnitude by channel, float32 ``[C]``, over ``images``, uint8 ``[N, H, W, 1]``."""
    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    wanted = sorted(names)
    del probed.graph.output[:]
    probed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    session = onnxruntime.InferenceSession(probed.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = session.get_inputs()[0].name
    ranges: dict[str, Array] = {}
    for start in range(0, len(images), BATCH):
        values = session.run(wanted, {feed: images[start : start + BATCH]})
        for name, value in zip(wanted, values, strict=True):
            largest = np.abs(value).max(axis=(0, 2, 3))
            ranges[name] = np.maximum(ranges.get(name, largest), largest)
    return ranges


def factors(activation: Array, weight: Array | None, exponent: float = EXPONENT) -> Array:
    """Return the divisor of each channel of a stream, float32 ``[C]``. ``activation``: largest magnitudes, ``[C]``.

    ``weight``: largest magnitude of the weights that read each channel; None if the factors cost no precision.
    """
    activation = np.maximum(activation, QUIETEST * activation.max())
    if weight is None:
        return np.asarray(activation / activation.max(), dtype=np.float32)
    weight = np.maximum(weight, QUIETEST * weight.max())
    share = activation**exponent / weight ** (1 - exponent)
    return np.asarray(share / share.max(), dtype=np.float32)


def equalise(model: Any, images: NDArray[np.uint8], exponent: float = EXPONENT) -> int:
    """Move factors between activations and weights of ``model`` in place, and return the number of changed streams.

    ``model``: float32 ONNX whose batch normalisation is folded into its convolutions. ``images``: calibration images,
    uint8 ``[N, H, W, 1]``. The output of the graph stays the same up to float32 rounding.
    """
    graph = model.graph
    stored = {entry.name: entry for entry in graph.initializer}
    weights = {name: numpy_helper.to_array(entry).copy() for name, entry in stored.items()}
    found = streams(graph)
    if not found:
        return 0
    readers: dict[str, list[str]] = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            readers[name].append(node.op_type)
    # Ignore tensors that only a ReLU reads: the quantised graph fuses the ReLU with the convolution and does not round.
    seen = {s: {n for n in stream.tensors if readers[n] != ["Relu"]} for s, stream in enumerate(found)}
    ranges = channel_ranges(model, set().union(*seen.values()), images)
    for number, stream in enumerate(found):
        largest = np.max([ranges[name] for name in seen[number]], axis=0)
        dense = [weights[n.input[1]] for n in stream.consumers if not depthwise(n, weights)]
        met = np.max([np.abs(w).max(axis=(0, 2, 3)) for w in dense], axis=0) if dense else None
        factor = factors(largest, met, exponent)
        for node in stream.producers:
            weights[node.input[1]] /= factor[:, None, None, None]
            if len(node.input) > 2:
                weights[node.input[2]] /= factor
        for node in stream.consumers:
            along = factor[:, None, None, None] if depthwise(node, weights) else factor[None, :, None, None]
            weights[node.input[1]] *= along
    for name, entry in stored.items():
        entry.CopyFrom(numpy_helper.from_array(weights[name], name))
    return len(found)
