"""The backbone has the weights of keras.applications and computes the same as the original."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

import keras

from training import xception


@pytest.fixture(scope="module")
def original(xception_file: Path) -> Any:
    return keras.models.load_model(xception_file, compile=False)


@pytest.fixture(scope="module")
def ours(xception_file: Path) -> Any:
    net = xception.backbone(71)
    xception.load_pretrained(net, str(xception_file))
    return net


def images() -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(-1, 1, (2, 71, 71, 1)).astype(np.float32)


@pytest.mark.parametrize("block", [2, 3, 4, 5, 12])
def test_a_grey_image_has_the_features_of_the_original_in_three_colours(original: Any, ours: Any, block: int) -> None:
    sums = [layer for layer in original.layers if isinstance(layer, keras.layers.Add)]  # one in each block from 2 on
    expected = keras.Model(original.input, sums[block - 2].output).predict_on_batch(np.repeat(images(), 3, axis=3))
    found = keras.Model(ours.input, ours.get_layer(f"block{block}_add").output).predict_on_batch(images())
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_last_two_blocks_have_the_weights_of_the_original_on_a_finer_grid(original: Any, ours: Any) -> None:
    for name in ("block13_sepconv1", "block13_sepconv2", "block14_sepconv1", "block14_sepconv2"):
        for found, expected in zip(
            ours.get_layer(name).get_weights(), original.get_layer(name).get_weights(), strict=True
        ):
            assert (found == expected).all()
    assert original.output.shape[1:3] == (3, 3)
    assert ours.output.shape[1:] == (5, 5, 2048)
    assert xception.backbone(176, 4).output.shape[1:3] == (11, 11)


def test_a_folded_normalisation_is_the_normalisation() -> None:
    random = np.random.default_rng(2)
    weights = [random.uniform(0.5, 2, 7), random.normal(size=7), random.normal(size=7), random.uniform(0.5, 2, 7)]
    layer = keras.layers.BatchNormalization(epsilon=xception.EPSILON)
    folded = xception.FrozenNormalization()
    x = random.normal(size=(2, 3, 3, 7)).astype(np.float32)
    layer.build(x.shape)
    folded.build(x.shape)
    layer.set_weights(weights)
    folded.set_weights(xception.frozen(*(values.astype(np.float32) for values in weights)))
    np.testing.assert_allclose(folded(x), layer(x, training=False), rtol=1e-5, atol=1e-5)
    assert not folded.trainable_weights


@pytest.mark.parametrize(
    ("middle", "kept"), [(8, range(5, 13)), (6, (5, 6, 7, 10, 11, 12)), (4, (5, 6, 11, 12))]
)  # fmt: skip
def test_remaining_blocks_of_the_middle_keep_their_names(middle: int, kept: Any) -> None:
    names = [layer.name for layer in xception.backbone(71, middle).layers if isinstance(layer, keras.layers.Add)]
    assert names == [f"block{k}_add" for k in (2, 3, 4, *kept, 13)]


def test_a_smaller_network_takes_its_blocks_from_the_same_file(original: Any, xception_file: Path) -> None:
    net = xception.backbone(71, 4)
    xception.load_pretrained(net, str(xception_file))
    found, expected = (model.get_layer("block11_sepconv2").get_weights() for model in (net, original))
    assert all((one == other).all() for one, other in zip(found, expected, strict=True))


def test_another_number_of_blocks_is_refused() -> None:
    with pytest.raises(ValueError, match="one of 8, 6, 4, not 5"):
        xception.backbone(71, 5)


def test_the_backbone_of_a_whole_classifier_is_found(original: Any, ours: Any, tmp_path: Path) -> None:
    image = keras.Input((71, 71, 3))
    keras.Model(image, keras.layers.GlobalAveragePooling2D()(original(image))).save(tmp_path / "classifier.keras")
    net = xception.backbone(71)
    xception.load_pretrained(net, str(tmp_path / "classifier.keras"))
    assert all((one == other).all() for one, other in zip(net.get_weights(), ours.get_weights(), strict=True))


@pytest.mark.parametrize("convolutions", [1, 4])
def test_a_file_of_another_network_is_refused(tmp_path: Path, convolutions: int) -> None:
    image = x = keras.Input((16, 16, 3))
    for k in range(convolutions):
        # Keras names these layers like the shortcuts of Xception.
        x = keras.layers.Conv2D(2, 1, name=f"conv2d_{k}")(x)
        x = keras.layers.BatchNormalization(name=f"batch_normalization_{k}")(x)
    keras.Model(image, x).save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match=r"other\.keras does not hold the Xception"):
        xception.load_pretrained(xception.backbone(71, 4), str(tmp_path / "other.keras"))


def test_none_keeps_the_random_weights() -> None:
    net = xception.backbone(71, 4)
    before = net.get_weights()
    xception.load_pretrained(net, "none")
    assert all((one == other).all() for one, other in zip(net.get_weights(), before, strict=True))


def test_without_network_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(**_: Any) -> None:
        raise OSError("URL fetch failure")

    monkeypatch.setattr(keras.applications, "Xception", offline)
    with pytest.raises(SystemExit, match=r"make train WEIGHTS=xception\.keras") as found:
        xception.load_pretrained(xception.backbone(71, 4), "imagenet")
    assert "\n" not in str(found.value)
