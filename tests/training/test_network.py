"""The outputs of the network agree: the map with the logit, and the lung map with the pooling."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

import keras

from training import network


def images(dtype: Any = np.uint8) -> NDArray[Any]:
    return np.random.default_rng(1).integers(0, 256, (3, 71, 71, 1), dtype=np.uint8).astype(dtype)


@pytest.fixture(scope="module")
def core() -> Any:
    """Return a core whose heads are not zero."""
    keras.utils.set_random_seed(1)
    part, random = network.core(71, middle=4), np.random.default_rng(1)
    for name in ("lungs", "head"):
        part.get_layer(name).set_weights([random.normal(0, 1, (2048, 1)), random.normal(0, 1, 1)])
    return part


def outputs(model: Any, batch: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
    return {name: np.asarray(values) for name, values in model.predict_on_batch(batch).items()}


def test_the_outputs_have_their_names_and_shapes(core: Any) -> None:
    found = outputs(network.classifier(core), images())
    assert tuple(found) == network.OUTPUTS
    assert {name: values.shape for name, values in found.items()} == {
        "logit": (3,),
        "activation_map": (3, 5, 5),
        "lung_map": (3, 5, 5),
        "features": (3, 2048),
    }


def test_the_mean_of_the_map_is_the_logit(core: Any) -> None:
    found = outputs(network.classifier(core), images())
    assert np.ptp(found["logit"]) > 0
    np.testing.assert_allclose(found["activation_map"].mean(axis=(1, 2)), found["logit"], rtol=1e-4, atol=1e-5)


def test_the_lung_map_is_a_probability(core: Any) -> None:
    found = outputs(core, images(np.float32) / 127.5 - 1)
    assert found["lung_map"].min() >= 0
    assert found["lung_map"].max() <= 1
    np.testing.assert_allclose(found["lung_map"], 1 / (1 + np.exp(-found["lung_logits"])), rtol=1e-4)


def test_scaling_is_inside_the_classifier(core: Any) -> None:
    inside, outside = outputs(network.classifier(core), images()), outputs(core, images(np.float32) / 127.5 - 1)
    np.testing.assert_allclose(inside["logit"], outside["logit"], rtol=1e-4, atol=1e-5)


def test_the_features_give_the_logit_through_the_head(core: Any) -> None:
    found = outputs(core, images(np.float32) / 127.5 - 1)
    kernel, bias = core.get_layer("head").get_weights()
    np.testing.assert_allclose((found["features"] @ kernel + bias)[:, 0], found["logit"], rtol=1e-3, atol=1e-4)


def test_heads_begin_at_zero() -> None:
    found = outputs(network.core(71, middle=4), images(np.float32) / 127.5 - 1)
    assert (found["logit"] == 0).all()
    assert (found["lung_map"] == 0.5).all()


def test_features_are_pooled_where_the_lungs_are() -> None:
    cells = np.array([[[[1.0], [5.0]]]], np.float32)
    pooled, weight = network.LungPooling()([cells, np.array([[[[30.0], [-30.0]]]], np.float32)])
    inside = 1 + network.FLOOR
    assert np.asarray(weight).mean() == pytest.approx(1)
    assert np.asarray(weight)[0, 0, 1, 0] / np.asarray(weight)[0, 0, 0, 0] == pytest.approx(network.FLOOR / inside)
    assert np.asarray(pooled)[0, 0] == pytest.approx((inside + 5 * network.FLOOR) / (inside + network.FLOOR))
    # If no cell or every cell holds lung, the result is the plain mean.
    for logit in (-30.0, 30.0):
        pooled, _ = network.LungPooling()([cells, np.full((1, 1, 2, 1), logit, np.float32)])
        assert np.asarray(pooled)[0, 0] == pytest.approx(3)


def test_frozen_layers_and_all_normalisations_do_not_change() -> None:
    part = network.core(71, middle=4)
    network.freeze(part, "block4_sepconv1")
    trained = {weight.path for weight in part.trainable_weights}
    assert any("block4_sepconv1" in path for path in trained)
    assert any("lungs" in path for path in trained)
    assert not any(part_of in path for path in trained for part_of in ("block1_", "block2_", "block3_", "_bn"))


def test_freezing_up_to_an_unknown_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="no layer 'block99'"):
        network.freeze(network.core(71, middle=4), "block99")


def test_a_saved_network_gives_its_core_back(core: Any, tmp_path: Path) -> None:
    network.classifier(core).save(tmp_path / "model.keras")
    again = network.load_core(tmp_path / "model.keras")
    assert again.name == "core"
    assert all((one == other).all() for one, other in zip(again.get_weights(), core.get_weights(), strict=True))


def test_a_copy_computes_in_float32() -> None:
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        part = network.core(71, middle=4)
        copy = network.float32_copy(part, middle=4)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(policy)
    assert part.get_layer("block1_conv1").compute_dtype == "bfloat16"
    assert {layer.compute_dtype for layer in copy.layers} == {"float32"}
    assert all((one == other).all() for one, other in zip(copy.get_weights(), part.get_weights(), strict=True))
