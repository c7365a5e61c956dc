"""Draw synthetic chest X-rays, which show no real patient, for the demo and the tests.

    python -m training.samples --data DATA/train --out samples

For each class, the command computes principal components of the training images and draws from a Gaussian in the space
of these components. The spread is slightly reduced, so that the images stay typical. Edges are enhanced, because in a
blurred image the lungs look hazy.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from sklearn.decomposition import PCA

from training import data

SIZE = 512
IMAGES = 1300  # approximate number of training images of each class for the components, evenly spaced
EDGES = ImageFilter.UnsharpMask(radius=12, percent=100, threshold=0)


def draw(pixels: NDArray[np.uint8], count: int, components: int, spread: float, seed: int) -> NDArray[np.uint8]:
    """Draw ``count`` images uint8 ``[count, S, S]`` from the PCA Gaussian of ``pixels`` uint8 ``[N, S, S, 1]``."""
    flat = pixels.reshape(len(pixels), -1).astype(np.float32)
    pca = PCA(n_components=min(components, len(flat) - 1), svd_solver="randomized", random_state=0).fit(flat)
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((count, pca.n_components_)) * np.sqrt(pca.explained_variance_) * spread
    images = pca.inverse_transform(scores.astype(np.float32)).reshape(count, *pixels.shape[1:3])
    return np.asarray(np.clip(images + 0.5, 0, 255), dtype=np.uint8)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with NORMAL/ and PNEUMONIA/")
    parser.add_argument("--out", type=Path, default=Path("samples"), help="default: %(default)s")
    parser.add_argument("--count", type=int, default=4, help="images per class, default %(default)s")
    parser.add_argument("--components", type=int, default=300, help="default: %(default)s")
    parser.add_argument("--spread", type=float, default=0.9, help="share of the standard deviation, default 0.9")
    parser.add_argument("--seed", type=int, default=6, help="default: %(default)s")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    images = data.scan(args.data)
    for name, label in data.CLASS_FOLDERS.items():
        paths = [image.path for image in images if image.label == label]
        pixels = data.load_pixels(paths[:: max(1, len(paths) // IMAGES)], 224, title=f"Reading {name.lower()}")
        for number, image in enumerate(draw(pixels, args.count, args.components, args.spread, args.seed + label), 1):
            path = args.out / f"{name.lower()}-{number}.png"
            large = Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
            large.filter(EDGES).save(path, optimize=True)
            print(path)


if __name__ == "__main__":
    main()
