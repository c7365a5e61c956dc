"""The network: grey uint8 film in, logit and class activation map out, scaling inside the graph.

Xception (Chollet 2017, arXiv:1610.02357) without its classifier, global average pooling and one dense unit.
With that head the class activation map (Zhou et al. 2016, arXiv:1512.04150) is a closed form, the feature maps
weighted by the dense kernel, and equals Grad-CAM up to a positive factor; so it is an output of the graph.
"""

from pathlib import Path
from typing import Any

import keras
from keras import layers, ops

from training import efficientnet

ARCHITECTURES = ("xception", "efficientnet_lite0")


def backbone(architecture: str, size: int, weights: str) -> Any:
    """Feature extractor, input float32 ``[N, size, size, 3]`` in [-1, 1].

    ``weights``: ``none`` (random); for Xception ``imagenet`` (downloaded by keras.applications) or the path of a
    ``.keras`` file that holds the backbone as a layer named ``xception`` or is the backbone itself; for
    EfficientNet-Lite0 the path of the published ``.pth`` file. Raises ``ValueError`` for other choices.
    """
    if architecture == "xception":
        return _xception(size, weights)
    if architecture != "efficientnet_lite0":
        raise ValueError(f"architecture: one of {', '.join(ARCHITECTURES)}, not {architecture!r}")
    net = efficientnet.lite0(size)
    if weights == "imagenet":
        raise ValueError("keras.applications has no EfficientNet-Lite0: give the .pth file of its weights")
    if weights != "none":
        efficientnet.load_imagenet(net, Path(weights))
    return net


def _xception(size: int, weights: str) -> Any:
    if weights in ("imagenet", "none"):
        return keras.applications.Xception(
            include_top=False, weights=None if weights == "none" else weights, input_shape=(size, size, 3)
        )
    net = keras.applications.Xception(include_top=False, weights=None, input_shape=(size, size, 3))
    saved = keras.models.load_model(Path(weights), compile=False)
    names = {layer.name for layer in saved.layers}
    net.set_weights((saved.get_layer("xception") if "xception" in names else saved).get_weights())
    return net


def classifier(size: int, weights: str, *, architecture: str = "xception", dropout: float = 0.0) -> Any:
    """Whole network: uint8 ``[N, size, size, 1]`` -> ``{"logit": [N], "activation_map": [N, h, w]}``.

    The head is applied to the pooled features and to every cell, so the mean of ``activation_map`` is ``logit``.
    """
    image = keras.Input((size, size, 1), dtype="uint8", name="image")
    scaled = layers.Rescaling(1 / 127.5, offset=-1.0, name="scale")(image)
    rgb = layers.Concatenate(name="rgb")([scaled, scaled, scaled])
    net = backbone(architecture, size, weights)
    net.name = architecture
    features = net(rgb)
    pooled = layers.GlobalAveragePooling2D(name="pool", dtype="float32")(features)
    head = layers.Dense(1, name="head", dtype="float32")
    raw = head(layers.Dropout(dropout, name="dropout", dtype="float32")(pooled))
    cells = head(layers.Activation("linear", name="cells", dtype="float32")(features))
    logit = layers.Reshape((), name="logit", dtype="float32")(raw)
    side = (int(cells.shape[1]), int(cells.shape[2]))
    activation_map = layers.Reshape(side, name="activation_map", dtype="float32")(cells)
    return keras.Model(image, {"logit": logit, "activation_map": activation_map}, name="pneumonia")


def features_of(model: Any) -> Any:
    """The part of ``model`` up to the pooled features, float32 ``[N, channels]``."""
    return keras.Model(model.input, model.get_layer("pool").output, name="features")


def architecture_of(model: Any) -> str:
    """Name of the backbone that a classifier was built on."""
    names = {layer.name for layer in model.layers}
    return next(name for name in ARCHITECTURES if name in names)


def freeze(model: Any, first_trainable: str) -> None:
    """Freeze every backbone layer before ``first_trainable`` and all batch normalisation statistics.

    Early layers hold generic edges and textures: training them costs most of the time and overfits the
    scanner, so they keep their ImageNet weights. A frozen batch normalisation is what keeps ImageNet's statistics:
    with statistics of the films themselves, and all layers trained, held-out films of the same hospital and of drawn
    acquisitions were told apart less well (training/EXPERIMENTS.md).
    """
    net = model.get_layer(architecture_of(model))
    names = [layer.name for layer in net.layers]
    if first_trainable not in names:
        raise ValueError(f"first_trainable: no layer {first_trainable!r} in the backbone")
    start = names.index(first_trainable)
    for index, layer in enumerate(net.layers):
        layer.trainable = index >= start and not isinstance(layer, layers.BatchNormalization)


def float32_copy(model: Any, size: int) -> Any:
    """The same network with every computation in float32, for scoring and export."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        copy = classifier(size, "none", architecture=architecture_of(model))
    finally:
        keras.config.set_dtype_policy(policy)
    copy.set_weights([ops.convert_to_numpy(w) for w in model.weights])
    return copy
