"""Fixtures for the tests of training: small synthetic images, named like the real ones, and tiny networks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SIZE = 96
MASK_SIDE = 56

TINY = [
    "--size", "71", "--middle", "4", "--folds", "2", "--first-trainable", "block14_sepconv1",
    "--epoch-films", "16", "--batch", "2", "--warmup-films", "4", "--ema-momentum", "0.9",
]  # fmt: skip
"""Settings with which a fold takes seconds. An epoch has eight steps, so the weight average is updated once."""


# Ignore warnings about deprecated parts of numpy in Keras and tf2onnx, which this project cannot fix.
IGNORED = ("ignore:__array__ implementation:DeprecationWarning", "ignore:.*np.object.*:FutureWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(*IGNORED))


def write_image(path: Path, *, bright: bool, seed: int) -> None:
    """Write a noisy grey image. Pneumonia gets a bright patch, so that even a tiny network can learn it."""
    pixels = np.random.default_rng(seed).integers(60, 120, (SIZE, SIZE), dtype=np.uint8)
    if bright:
        pixels[30:60, 20:70] = 230
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_images(root: Path) -> Path:
    """Write NORMAL/ with eight images of each series, and PNEUMONIA/ with 16 images, two of each patient."""
    for k in range(16):
        series = "IM" if k < 8 else "NORMAL2-IM"
        write_image(root / "NORMAL" / f"{series}-{k:04d}-0001.png", bright=False, seed=k)
        write_image(root / "PNEUMONIA" / f"person{k // 2}_virus_{k}.png", bright=True, seed=100 + k)
    return root


def write_lungs(path: Path, names: list[str]) -> Path:
    """Write the same mask for all images with these names: two upright rectangles of 255 (lung)."""
    mask = np.zeros((MASK_SIDE, MASK_SIDE), np.uint8)
    mask[14:46, 8:24] = mask[14:46, 32:48] = 255
    np.savez(path, names=np.array(names), masks=np.stack([mask] * len(names)))
    return path


@pytest.fixture(scope="session")
def images_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="session")
def lungs_file(images_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of masks for three of four images."""
    names = sorted(path.name for path in images_dir.glob("*/*.png"))
    return write_lungs(tmp_path_factory.mktemp("lungs") / "lungs.npz", [n for k, n in enumerate(names) if k % 4])


@pytest.fixture(scope="session")
def xception_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Xception of keras.applications with random weights, for `WEIGHTS=`."""
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(5)
    model = keras.applications.Xception(weights=None, include_top=False, input_shape=(71, 71, 3))
    random = np.random.default_rng(5)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    random.uniform(0.7, 1.3, gamma.shape),
                    random.normal(0, 0.1, beta.shape),
                    random.normal(0, 0.1, mean.shape),
                    random.uniform(0.7, 1.3, variance.shape),
                ]
            )
    path = tmp_path_factory.mktemp("weights") / "xception.keras"
    model.save(path)
    return path


@pytest.fixture(scope="session")
def tiny_run(images_dir: Path, lungs_file: Path, xception_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder with both folds, two epochs each."""
    from training import train

    out = tmp_path_factory.mktemp("runs") / "tiny"
    train.main(["--data", str(images_dir), "--lungs", str(lungs_file), "--weights", str(xception_file),
                "--out", str(out), "--epochs", "2", *TINY])  # fmt: skip
    return out


MakeCore = Callable[..., Any]


@pytest.fixture(scope="session")
def make_core() -> MakeCore:
    """Return a function that makes a network of one convolution with the outputs of a core, for images of 32 x 32."""
    keras = pytest.importorskip("keras")
    from training.network import LungPooling

    def make(features: int = 6) -> Any:
        layers = keras.layers
        image = keras.Input((32, 32, 1), name="film")
        cells = layers.Conv2D(features, 8, strides=8, activation="relu", name="stem")(image)
        lungs = layers.Dense(1, name="lungs")(cells)
        pooled, weight = LungPooling(name="pool")([cells, lungs])
        head = layers.Dense(1, name="head")
        outputs = {
            "logit": layers.Reshape((), name="logit")(head(layers.Dropout(0.1, name="dropout")(pooled))),
            "activation_map": layers.Reshape((4, 4), name="activation_map")(head(cells) * weight),
            "lung_map": layers.Reshape((4, 4), name="lung_map")(layers.Activation("sigmoid")(lungs)),
            "lung_logits": layers.Reshape((4, 4), name="lung_logits")(lungs),
            "features": layers.Activation("linear", name="features")(pooled),
        }
        return keras.Model(image, outputs, name="core")

    return make
