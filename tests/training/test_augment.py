"""Augmentation is deterministic, keeps its shape and stays within grey. Runs where TensorFlow is."""

from dataclasses import replace

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow", reason="TensorFlow is in the training environment (make train-test)")

from training.augment import Augmentation, augment  # noqa: E402

FILM = np.tile(np.linspace(0, 255, 96, dtype=np.uint8), (96, 1))[:, :, None]


def run(seed: int, settings: Augmentation) -> np.ndarray:
    changed: np.ndarray = augment(tf.constant(FILM), tf.constant([seed, 2]), 96, settings).numpy()
    return changed


def test_the_same_seed_gives_the_same_film_and_another_seed_another() -> None:
    first = run(1, Augmentation())
    assert first.shape == FILM.shape
    assert first.dtype == np.uint8
    assert (first == run(1, Augmentation())).all()
    assert (first != run(2, Augmentation())).any()


def test_with_every_range_at_nothing_only_the_flip_is_left() -> None:
    still = Augmentation(*[0.0] * 12)
    for seed in range(6):
        film = run(seed, still).astype(int)
        # The small zoom of each axis stays: columns move, rows of this film are all alike.
        assert np.corrcoef(film.mean(axis=0).ravel(), FILM.mean(axis=0).ravel())[0, 1] ** 2 > 0.5


def test_gamma_moves_the_middle_grey_both_ways() -> None:
    only_gamma = replace(Augmentation(*[0.0] * 12), log_gamma=0.5)
    means = [run(seed, only_gamma).mean() for seed in range(12)]
    assert min(means) < FILM.mean() - 5
    assert max(means) > FILM.mean() + 5
