"""Xception (Chollet 2017, arXiv:1610.02357) as a feature extractor for grey images, with a finer final grid.

It differs from ``keras.applications.Xception`` in three ways:

- Block 13 does not reduce its grid, and block 14 is dilated. The side of the feature map is a sixteenth of the input's
  side instead of a thirty-second (as in DeepLab, Chen et al. 2017, arXiv:1706.05587).
- The weights of the first convolution are summed over the three colours, which gives the same result for grey images.
- Some of the eight blocks of the middle flow can be left out.

Layers keep their Keras names, so that ImageNet weights can be copied by name. Batch normalisation keeps its statistics
from ImageNet.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

KEPT = {8: range(8), 6: (0, 1, 2, 5, 6, 7), 4: (0, 1, 6, 7)}
"""Number of blocks in the middle flow -> which of the eight blocks stay: the first and the last ones."""

Array = NDArray[np.float32]

EPSILON = 1e-3
"""Epsilon of every batch normalisation in Xception."""

_RESIDUALS = (2, 3, 4, 13)  # blocks with a convolution as shortcut. Keras gives these convolutions no fixed names


@keras.saving.register_keras_serializable("pneumonia")
class FrozenNormalization(layers.Layer):  # type: ignore[misc]  # keras has no type information
    """Batch normalisation with statistics from ImageNet, folded into a factor and an offset per channel.

    Statistics from the training images gave a lower held-out AUC (training/EXPERIMENTS.md).
    """

    def build(self, shape: Any) -> None:
        self.factor = self.add_weight(shape=shape[-1:], initializer="ones", trainable=False, name="factor")
        self.offset = self.add_weight(shape=shape[-1:], initializer="zeros", trainable=False, name="offset")

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor + self.offset


def frozen(gamma: Array, beta: Array, mean: Array, variance: Array) -> list[Array]:
    """Return the factor and offset that replace a batch normalisation with these weights."""
    factor = gamma / np.sqrt(variance + EPSILON)
    return [factor, beta - mean * factor]


def _norm(x: Any, name: str) -> Any:
    return FrozenNormalization(name=name)(x)


def _relu(x: Any, name: str) -> Any:
    return layers.Activation("relu", name=name)(x)


def _separable(x: Any, channels: int, name: str, dilation: int = 1) -> Any:
    layer = layers.SeparableConv2D(channels, 3, padding="same", use_bias=False, dilation_rate=dilation, name=name)
    return _norm(layer(x), f"{name}_bn")


def _reducing(x: Any, block: int, channels: tuple[int, int], *, stride: int = 2) -> Any:
    """Add a block of the entry flow, or block 13: two separable convolutions, pooling, and a convolved shortcut."""
    name = f"block{block}"
    shortcut = layers.Conv2D(channels[1], 1, strides=stride, padding="same", use_bias=False, name=f"{name}_residual")(x)
    shortcut = _norm(shortcut, f"{name}_residual_bn")
    if block > 2:
        x = _relu(x, f"{name}_sepconv1_act")
    x = _relu(_separable(x, channels[0], f"{name}_sepconv1"), f"{name}_sepconv2_act")
    x = _separable(x, channels[1], f"{name}_sepconv2")
    pool = layers.MaxPooling2D(3, strides=stride, padding="same", name=f"{name}_pool")
    return layers.Add(name=f"{name}_add")([pool(x), shortcut])


def _middle(x: Any, block: int) -> Any:
    shortcut, name = x, f"block{block}"
    for k in (1, 2, 3):
        x = _separable(_relu(x, f"{name}_sepconv{k}_act"), 728, f"{name}_sepconv{k}")
    return layers.Add(name=f"{name}_add")([x, shortcut])


def backbone(size: int, middle: int = 8) -> Any:
    """Build the untrained network.

    Input: float ``[N, size, size, 1]`` in [-1, 1]. Output: features ``[N, h, w, 2048]`` with h about size / 16.
    ``middle``: 8, 6 or 4 blocks of the middle flow. Raises ``ValueError`` for another number.
    """
    if middle not in KEPT:
        raise ValueError(f"middle must be one of {', '.join(map(str, KEPT))}, not {middle}")
    image = keras.Input((size, size, 1), name="film")
    x = layers.Conv2D(32, 3, strides=2, use_bias=False, name="block1_conv1")(image)
    x = _relu(_norm(x, "block1_conv1_bn"), "block1_conv1_act")
    x = layers.Conv2D(64, 3, use_bias=False, name="block1_conv2")(x)
    x = _relu(_norm(x, "block1_conv2_bn"), "block1_conv2_act")
    for block, channels in ((2, 128), (3, 256), (4, 728)):
        x = _reducing(x, block, (channels, channels))
    for kept in KEPT[middle]:
        x = _middle(x, 5 + kept)
    x = _reducing(x, 13, (728, 1024), stride=1)
    x = _relu(_separable(x, 1536, "block14_sepconv1", dilation=2), "block14_sepconv1_act")
    x = _relu(_separable(x, 2048, "block14_sepconv2", dilation=2), "block14_sepconv2_act")
    return keras.Model(image, x, name="xception")


def load_pretrained(net: Any, weights: str) -> None:
    """Copy pre-trained weights into the layers of ``net`` with Keras names. The heads do not change.

    ``weights``: ``none`` (random weights stay), ``imagenet`` (keras.applications downloads them), or the path of a
    ``.keras`` file that is the backbone or holds it as a layer named ``xception``. Raises ``SystemExit`` if the
    download fails, ``ValueError`` for a file that is not an Xception.
    """
    if weights == "none":
        return
    source = _source(weights)
    arrays = {layer.name: layer.get_weights() for layer in source.layers}
    convolutions = [layer.name for layer in source.layers if layer.name.startswith("conv2d")]
    norms = [layer.name for layer in source.layers if layer.name.startswith("batch_normalization")]
    if not len(convolutions) == len(norms) == len(_RESIDUALS) or "block14_sepconv2" not in arrays:
        raise ValueError(f"{weights} does not hold the Xception of keras.applications")
    for block, convolution, norm in zip(_RESIDUALS, convolutions, norms, strict=True):
        arrays[f"block{block}_residual"] = arrays[convolution]
        arrays[f"block{block}_residual_bn"] = arrays[norm]
    arrays["block1_conv1"] = [arrays["block1_conv1"][0].sum(axis=2, keepdims=True)]
    for layer in net.layers:
        if layer.weights and layer.name.startswith("block"):
            found = arrays[layer.name]
            layer.set_weights(frozen(*found) if isinstance(layer, FrozenNormalization) else found)


def _source(weights: str) -> Any:
    if weights != "imagenet":
        saved = keras.models.load_model(Path(weights), compile=False)
        return saved.get_layer("xception") if "xception" in {layer.name for layer in saved.layers} else saved
    try:
        return keras.applications.Xception(include_top=False, weights="imagenet", input_shape=(150, 150, 3))
    except Exception as error:  # the exception for a failed download depends on the backend
        raise SystemExit(
            "The ImageNet weights of Xception could not be downloaded. Without network access, pass a .keras file that "
            f"holds them: make train WEIGHTS=xception.keras ({error})"
        ) from error
