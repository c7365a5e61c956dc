"""The loss: its terms, the masks it ignores, and the part of a teacher."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

from tests.training.conftest import MakeCore
from training.augment import Augmentation, draws
from training.objective import Acquisition, Objective, compiled, objective
from training.settings import TrainSettings

STILL = Augmentation(**dict.fromkeys((field.name for field in fields(Augmentation)), 0.0))
SETTINGS = TrainSettings(size=71, label_smoothing=0.1, lung_weight=0.5, distil=0.75, augmentation=STILL)
RNG = np.random.default_rng(1)


def seen(**changes: Any) -> dict[str, Any]:
    """Return the input of the objective for two images, the second without a mask."""
    given = {
        "label": [1.0, 0.0],
        "logit": [0.5, -1.0],
        "lungs": [[[0.0, 1.0]], [[0.25, 0.5]]],
        "lung_logits": [[[-1.0, 2.0]], [[3.0, 0.0]]],
        "known": [1.0, 0.0],
    } | changes
    return {name: np.array(values, np.float32) for name, values in given.items()}


def loss(settings: TrainSettings = SETTINGS, **changes: Any) -> float:
    layer = Objective(settings)
    layer(seen(**changes))
    return float(layer.losses[0])


def cross_entropy(target: float, logit: float) -> float:
    p = 1 / (1 + np.exp(-logit))
    return float(-(target * np.log(p) + (1 - target) * np.log(1 - p)))


CLASSES = (cross_entropy(0.95, 0.5) + cross_entropy(0.05, -1.0)) / 2
LUNGS = (cross_entropy(0, -1.0) + cross_entropy(1, 2.0)) / 2


def test_the_loss_is_that_of_the_classes_and_of_the_lungs() -> None:
    assert loss() == pytest.approx(CLASSES + 0.5 * LUNGS, rel=1e-5)
    assert loss(replace(SETTINGS, lung_weight=0.0)) == pytest.approx(CLASSES, rel=1e-5)


def test_an_image_without_a_mask_adds_nothing_to_the_loss_of_the_lungs() -> None:
    assert loss(lung_logits=[[[-1.0, 2.0]], [[-9.0, 9.0]]]) == loss()
    assert loss(known=[0.0, 0.0]) == pytest.approx(CLASSES, rel=1e-5)
    assert loss(known=[1.0, 1.0]) > loss() + 0.1


def test_a_teacher_shares_the_label() -> None:
    def shared(label: float, logit: float) -> float:
        return 0.25 * label + 0.75 / (1 + float(np.exp(-logit)))

    expected = (cross_entropy(shared(0.95, 2.0), 0.5) + cross_entropy(shared(0.05, 1.0), -1.0)) / 2
    assert loss(teacher=[2.0, 1.0]) == pytest.approx(expected + 0.5 * LUNGS, rel=1e-5)
    assert loss(replace(SETTINGS, distil=0.0), teacher=[2.0, 1.0]) == pytest.approx(loss(), rel=1e-6)


def test_images_become_numbers_around_zero_and_masks_shares_of_cells() -> None:
    image = np.repeat(RNG.integers(0, 256, (3, 16, 1), dtype=np.uint8), 16, axis=2)  # a flip does not change it
    mask = np.zeros((3, 56, 56), np.uint8)
    mask[:, :21] = 255
    found, share = Acquisition(SETTINGS, (4, 4))([image, mask, draws([1], 3)])
    np.testing.assert_allclose(np.asarray(found)[..., 0], image / 127.5 - 1, atol=1e-4)
    np.testing.assert_allclose(np.asarray(share)[0].mean(axis=1), [1, 0.5, 0, 0], atol=1e-5)


def batch(images: int = 4) -> dict[str, NDArray[Any]]:
    return {
        "film": RNG.integers(0, 256, (images, 32, 32), dtype=np.uint8),
        "mask": RNG.integers(0, 2, (images, 56, 56), dtype=np.uint8) * np.uint8(255),
        "known": np.ones(images, np.float32),
        "label": np.array([0, 1] * (images // 2), np.float32),
        "uniform": draws([2], images),
    }


def test_fitting_changes_the_core_and_not_its_teacher(make_core: MakeCore) -> None:
    part, teacher = make_core(), make_core()
    teacher.name = "teacher"
    settings = replace(SETTINGS, epochs=1, epoch_films=16, batch=4, warmup_films=4, learning_rate=0.01)
    model = compiled(objective(part, settings, teacher), settings)
    before, taught = part.get_weights(), teacher.get_weights()
    losses = [float(model.train_on_batch(batch())) for _ in range(2)]
    assert np.isfinite(losses).all()
    assert not all((one == other).all() for one, other in zip(part.get_weights(), before, strict=True))
    assert all((one == other).all() for one, other in zip(teacher.get_weights(), taught, strict=True))


def test_the_rate_rises_over_the_warm_up_and_then_falls(make_core: MakeCore) -> None:
    settings = replace(SETTINGS, epochs=2, epoch_films=40, batch=4, warmup_films=20, learning_rate=1e-3)
    rate = compiled(objective(make_core(), settings), settings).optimizer._learning_rate
    rates = [float(rate(step)) for step in range(21)]
    assert np.argmax(rates) == 5
    assert rates[5] == pytest.approx(1e-3)
    assert rates[0] < 1e-4
    assert rates[20] == pytest.approx(1e-5)
