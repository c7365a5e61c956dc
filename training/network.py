"""The network, from a grey uint8 image to logit, class activation map and lung map. It scales the pixels itself.

The network pools the features mainly in the lungs. A second head, trained on lung masks, predicts ``a``, the share of
lung in each cell of the last feature map. The pooled features are the mean over the cells, weighted by
``a ** 2 + FLOOR`` (attention pooling with supervised attention).

One dense unit turns the pooled features into the logit, so the class activation map (Zhou et al. 2016,
arXiv:1512.04150) has a closed form. The value of a cell is its own logit times its relative weight, and the mean of the
map is the logit of the image. The map is therefore an output of the graph and needs no gradients.
"""

from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from training import xception

FLOOR = 0.01
"""Weight of a cell without lung: evidence outside the lungs counts a hundredth of evidence inside."""


@keras.saving.register_keras_serializable("pneumonia")
class LungPooling(layers.Layer):  # type: ignore[misc]  # keras has no type information
    """Pool the features, with more weight for cells in the lungs.

    ``[features [N, h, w, C], lung logits [N, h, w, 1]]`` -> ``[pooled [N, C], relative weights [N, h, w, 1]]``. The
    mean of the weights over the cells is 1. The square sharpens the border of the lungs, where cells are partly lung.
    """

    def call(self, inputs: Any) -> Any:
        features, lungs = inputs
        weight = ops.square(ops.sigmoid(lungs)) + FLOOR
        weight = weight / ops.mean(weight, axis=(1, 2), keepdims=True)
        # In onnxruntime, a matrix product takes a tenth of the time of a multiplication followed by a mean.
        cells, channels = features.shape[1] * features.shape[2], features.shape[3]
        rows = ops.reshape(weight / cells, (-1, 1, cells))
        pooled = ops.matmul(rows, ops.reshape(features, (-1, cells, channels)))
        return [ops.reshape(pooled, (-1, channels)), weight]


def core(size: int, *, middle: int = 8, dropout: float = 0.0) -> Any:
    """Build the trained part: float ``[N, size, size, 1]`` in [-1, 1] ->
    ``{"logit": [N], "activation_map", "lung_map", "lung_logits": [N, h, w], "features": [N, 2048]}``.
    """
    net = xception.backbone(size, middle)
    features = layers.Activation("linear", name="cells", dtype="float32")(net.output)
    side, channels = (int(features.shape[1]), int(features.shape[2])), int(features.shape[3])
    # Reshape to one row per cell: a dense layer on a tensor with four axes exports as twenty shape operators.
    cells = ops.reshape(features, (-1, channels))

    def grid(x: Any) -> Any:
        return ops.reshape(x, (-1, *side, 1))

    # Start the heads at zero: the mean of several networks blurs if their heads start from different random weights.
    lungs = grid(layers.Dense(1, kernel_initializer="zeros", name="lungs", dtype="float32")(cells))
    pooled, weight = LungPooling(name="pool", dtype="float32")([features, lungs])
    head = layers.Dense(1, kernel_initializer="zeros", name="head", dtype="float32")
    raw = head(layers.Dropout(dropout, name="dropout", dtype="float32")(pooled))
    evidence = layers.Multiply(name="evidence", dtype="float32")([grid(head(cells)), weight])
    chance = layers.Activation("sigmoid", name="lung", dtype="float32")(lungs)

    def flat(x: Any, name: str) -> Any:
        return layers.Reshape(side, name=name, dtype="float32")(x)

    outputs = {
        "logit": layers.Reshape((), name="logit", dtype="float32")(raw),
        "activation_map": flat(evidence, "activation_map"),
        "lung_map": flat(chance, "lung_map"),
        "lung_logits": flat(lungs, "lung_logits"),
        "features": layers.Activation("linear", name="features", dtype="float32")(pooled),
    }
    return keras.Model(net.input, outputs, name="core")


def classifier(part: Any) -> Any:
    """Build the exported network around a core: uint8 ``[N, size, size, 1]`` ->
    ``{"logit": [N], "activation_map": [N, h, w], "lung_map": [N, h, w], "features": [N, 2048]}``."""
    image = keras.Input(part.input.shape[1:], dtype="uint8", name="image")
    outputs = part(layers.Rescaling(1 / 127.5, offset=-1.0, name="scale", dtype="float32")(image))
    return keras.Model(image, {name: outputs[name] for name in OUTPUTS}, name="pneumonia")


def load_core(path: Path) -> Any:
    """Return the core of the classifier saved at ``path``."""
    return keras.models.load_model(path, compile=False).get_layer("core")


OUTPUTS = ("logit", "activation_map", "lung_map", "features")


def freeze(part: Any, first_trainable: str) -> None:
    """Freeze every layer of the backbone before ``first_trainable``. Batch normalisation is always frozen.

    Early layers detect generic edges and textures. Training these layers takes most of the time and overfits to the
    scanner, so they keep their ImageNet weights. Raises ``ValueError`` for an unknown layer name.
    """
    names = [layer.name for layer in part.layers]
    if first_trainable not in names:
        raise ValueError(f"first_trainable: no layer {first_trainable!r} in the backbone")
    for layer in part.layers[: names.index(first_trainable)]:
        layer.trainable = False


def float32_copy(part: Any, *, middle: int) -> Any:
    """Copy a core with every computation in float32, for scoring and export."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        copy = core(part.input.shape[1], middle=middle)
    finally:
        keras.config.set_dtype_policy(policy)
    copy.set_weights([ops.convert_to_numpy(weight) for weight in part.weights])
    return copy
