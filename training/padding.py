"""Pad the channels of a graph to the width of the CPU's vectors.

onnxruntime's int8 depthwise convolutions process 16 channels at a time, and the remaining channels one by one.
Xception's middle flow has 728 channels, which is 45 times 16 plus 8. The last 8 channels take as long as all the
others. Another 8 channels of zeros fill the last group of 16, so the graph computes the same result in less time
(docs/performance.md).
"""

from typing import Any

import numpy as np
from onnx import numpy_helper

from training.equalise import Stream, depthwise, streams

MULTIPLE = 16


def pad_channels(model: Any, multiple: int = MULTIPLE) -> int:
    """Pad the channels between convolutions of ``model``, float32 ONNX, with zeros in place.

    Channels are padded to the next multiple of ``multiple``, but only if convolutions, ReLU, addition and pooling are
    the only operators on them. The outputs of the graph stay the same. Return the number of padded streams.
    """
    graph = model.graph
    stored = {entry.name: entry for entry in graph.initializer}
    weights = {name: numpy_helper.to_array(entry) for name, entry in stored.items()}
    padded = _between(streams(graph), weights, multiple)
    more = {id(stream): -_channels(stream, weights) % multiple for stream in padded}
    for stream in padded:
        for node in stream.consumers:
            if depthwise(node, weights):
                next(a for a in node.attribute if a.name == "group").i += more[id(stream)]
            else:
                weights[node.input[1]] = _padded(weights[node.input[1]], 1, more[id(stream)])
    for stream in padded:
        for node in stream.producers:
            for name in node.input[1:3]:
                weights[name] = _padded(weights[name], 0, more[id(stream)])
    del graph.value_info[:]  # The shapes of padded tensors are wrong now; onnxruntime infers them again.
    for name, entry in stored.items():
        entry.CopyFrom(numpy_helper.from_array(weights[name], name))
    return len(padded)


def _between(found: list[Stream], weights: dict[str, Any], multiple: int) -> list[Stream]:
    """Return the streams to pad. A depthwise convolution has either its input and its output padded, or neither."""
    padded = [stream for stream in found if _channels(stream, weights) % multiple]
    while True:
        read = {id(node) for stream in padded for node in stream.consumers if depthwise(node, weights)}
        written = {id(node) for stream in padded for node in stream.producers if depthwise(node, weights)}
        odd = read ^ written
        kept = [s for s in padded if not odd.intersection(id(node) for node in (*s.producers, *s.consumers))]
        if len(kept) == len(padded):
            return padded
        padded = kept


def _channels(stream: Stream, weights: dict[str, Any]) -> int:
    return int(weights[stream.producers[0].input[1]].shape[0])


def _padded(values: Any, axis: int, more: int) -> Any:
    return np.pad(values, [(0, more if k == axis else 0) for k in range(values.ndim)])
