"""Films for the tests of the training code: small synthetic squares, named like the real ones."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIZE = 96


def write_film(path: Path, *, bright: bool, seed: int) -> None:
    """A noisy grey film; pneumonia gets a bright patch, so that even a tiny network can learn it."""
    pixels = np.random.default_rng(seed).integers(60, 120, (SIZE, SIZE), dtype=np.uint8)
    if bright:
        pixels[30:60, 20:70] = 230
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="session")
def films_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NORMAL/ and PNEUMONIA/ with 16 films each, two per patient with pneumonia."""
    root = tmp_path_factory.mktemp("films")
    for k in range(16):
        write_film(root / "NORMAL" / f"IM-{k:04d}-0001.png", bright=False, seed=k)
        write_film(root / "PNEUMONIA" / f"person{k // 2}_virus_{k}.png", bright=True, seed=100 + k)
    return root
