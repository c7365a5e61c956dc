from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is in the training environment (make train-test)")

from training import efficientnet, network


def state_dict_of(net: object) -> dict[str, np.ndarray]:
    """PyTorch's view of a network: the inverse of what the loader does, written out by hand for each kind of layer."""
    stored: dict[str, np.ndarray] = OrderedDict()
    for layer in net.layers:  # type: ignore[attr-defined]
        arrays = layer.get_weights()
        if not arrays:
            continue
        source = efficientnet._source(layer.name)
        if len(arrays) == 4:
            for part, array in zip(("weight", "bias", "running_mean", "running_var"), arrays, strict=True):
                stored[f"{source}.{part}"] = array
        elif "depthwise" in layer.name:
            stored[f"{source}.weight"] = np.einsum("hwco->cohw", arrays[0])
        else:
            stored[f"{source}.weight"] = np.einsum("hwio->oihw", arrays[0])
    return stored


def test_the_network_has_the_published_size_and_a_map_of_a_thirty_second() -> None:
    net = efficientnet.lite0(96)
    assert net.output.shape == (None, 3, 3, efficientnet.FEATURES)
    # 4.65 million (Google's table of the Lite models) less the 1,281,000 of the ImageNet classifier.
    assert net.count_params() == 3_413_024


def test_weights_come_back_layer_by_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = efficientnet.lite0(96), efficientnet.lite0(96)
    for layer in source.layers:
        layer.set_weights([np.random.default_rng(5).random(w.shape).astype(np.float32) for w in layer.get_weights()])
    monkeypatch.setattr(efficientnet, "read_state_dict", lambda path: state_dict_of(source))
    efficientnet.load_imagenet(target, Path("weights.pth"))
    for ours, theirs in zip(source.get_weights(), target.get_weights(), strict=True):
        assert (ours == theirs).all()


def test_a_file_of_another_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "read_state_dict", lambda path: {})
    with pytest.raises(ValueError, match="not EfficientNet-Lite0"):
        efficientnet.load_imagenet(efficientnet.lite0(96), Path("other.pth"))


@pytest.mark.parametrize(("architecture", "weights"), [("efficientnet_lite0", "imagenet"), ("resnet", "none")])
def test_what_does_not_exist_is_refused_by_name(architecture: str, weights: str) -> None:
    with pytest.raises(ValueError, match=r"EfficientNet-Lite0|architecture"):
        network.backbone(architecture, 96, weights)


def test_a_classifier_knows_its_backbone() -> None:
    model = network.classifier(96, "none", architecture="efficientnet_lite0")
    assert network.architecture_of(model) == "efficientnet_lite0"
    network.freeze(model, "block4_expand")
    names = {layer.name: layer.trainable for layer in model.get_layer("efficientnet_lite0").layers}
    assert names["block4_expand"]
    assert not names["block3_project"]
    assert not names["block5_bn0"]
