"""One film, written in every way there is: what is decoded is the same film, whatever extreme pixels are in it."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from tests.deep_films import a_way, painted, written

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.png"))
MOST = 2.2
"""Mean difference in grey levels of 255; most of it is the rounding of films that use a third of 8 bits."""
MOST_OF_A_DARK_FILM = 6.0
"""Black pixels are hard to tell from a film that has nearly as dark ones of its own."""


def stretched(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """By the robust range of the middle, the darkest hundredth to 13 and the brightest to 242."""
    rows, columns = grey.shape
    middle = grey[rows // 10 : rows - rows // 10, columns // 10 : columns - columns // 10]
    low, high = np.percentile(middle, [1, 99])
    return np.asarray(np.clip((grey - low) * (229 / (high - low)) + 13, 0, 255))


def differences(path: Path, ways: int) -> list[float]:
    """Mean difference of a film in so many drawn ways, in grey levels of 255."""
    with Image.open(path) as image:
        film = np.asarray(image.convert("L"))
    rng = np.random.default_rng(sum(path.name.encode()))
    found = []
    for _ in range(ways):
        way = a_way(rng)
        extreme = painted(film.shape, way, rng)
        reference = np.rint(stretched(film)).astype(np.uint8)
        reference[extreme] = 255 if way.highest else 0
        decoded = decode(written(film, way, extreme), Limits())
        # Once more, as the model's input is.
        found.append(float(np.abs(stretched(np.asarray(decoded.pixels)) - stretched(reference)).mean()))
    return found


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_written_in_some_ways(path: Path) -> None:
    assert max(differences(path, 4)) < MOST


@pytest.mark.slow
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_written_in_many_ways(path: Path) -> None:
    assert max(differences(path, 60)) < MOST


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif("CXR_DATA" not in os.environ, reason="CXR_DATA is not set: the films are not in the repository")
def test_fifty_films_written_in_many_ways() -> None:
    paths = sorted((Path(os.environ["CXR_DATA"]) / "train").rglob("*.jpeg"))
    found: list[float] = []
    for place in np.random.default_rng(3).choice(len(paths), 50, replace=False):
        found += differences(paths[place], 12)
    assert np.quantile(found, 0.995) < MOST
    assert max(found) < MOST_OF_A_DARK_FILM
