"""Does the activation map mean something? Three measurements on films that truly show pneumonia.

Occlusion: blacking out the hottest fifth of the film must lower the logit more than blacking out a random fifth.
Randomisation (Adebayo et al. 2018, arXiv:1810.03292): a graph with shuffled weights must give another map.
Lung share: how much of the positive heat lies inside two ellipses where the lung fields of a frontal film are.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from PIL import Image
from scipy.stats import spearmanr

from training.scoring import Server

Map = NDArray[np.float32]
SHARE = 0.2
CANVAS = 224

# Centre (x, y) and half axes of the lung fields in a frontal film, as fractions of its sides.
LUNGS = ((0.31, 0.45, 0.16, 0.31), (0.69, 0.45, 0.16, 0.31))


@dataclass(frozen=True)
class HeatmapFigures:
    films: int
    occlusion_wins: float
    mean_drop_hottest: float
    mean_drop_random: float
    randomised_rank_correlation: float
    lung_share: float
    lung_area: float


def upsampled(activation_map: Map, size: int = CANVAS) -> Map:
    """Bicubic enlargement of one map to ``[size, size]``."""
    return np.asarray(Image.fromarray(activation_map).resize((size, size), Image.Resampling.BICUBIC))


def hottest(heat: Map, share: float = SHARE) -> NDArray[np.bool_]:
    """Mask of the ``share`` of pixels with the highest values."""
    count = round(share * heat.size)
    mask = np.zeros(heat.size, dtype=bool)
    mask[np.argsort(heat, axis=None)[-count:]] = True
    return mask.reshape(heat.shape)


def random_region(heat: Map, rng: np.random.Generator, share: float = SHARE) -> NDArray[np.bool_]:
    """A mask as large and as smooth as the hottest one: the hottest share of random cells of the same grid."""
    return hottest(upsampled(rng.standard_normal(heat.shape).astype(np.float32)), share)


def blacked_out(film: Image.Image, mask: NDArray[np.bool_]) -> Image.Image:
    pixels = np.asarray(film.resize((mask.shape[1], mask.shape[0]), Image.Resampling.BILINEAR)).copy()
    pixels[mask] = 0
    return Image.fromarray(pixels)


def lung_mask(size: int = CANVAS) -> NDArray[np.bool_]:
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    inside = [((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 <= 1 for cx, cy, a, b in LUNGS]
    return np.asarray(np.any(inside, axis=0))


def randomised(source: Path, target: Path, seed: int = 0) -> str:
    """Copy an ONNX file with the values of every large weight tensor shuffled; returns the copy's sha256."""
    graph = onnx.load(source)
    rng = np.random.default_rng(seed)
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype in (np.float32, np.int8) and values.size > 512:
            shuffled = rng.permutation(values.ravel()).reshape(values.shape)
            tensor.CopyFrom(numpy_helper.from_array(shuffled, tensor.name))
    onnx.save(graph, target)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def measure(server: Server, random_server: Server, films: Sequence[Image.Image], seed: int = 0) -> HeatmapFigures:
    """All three measurements; ``random_server`` holds the randomised graph."""
    rng = np.random.default_rng(seed)
    base = server.score(films)
    heats = [upsampled(one) for one in base.maps]
    hot = server.score([blacked_out(film, hottest(heat)) for film, heat in zip(films, heats, strict=True)])
    masks = [random_region(one, rng) for one in base.maps]
    chance = server.score([blacked_out(film, mask) for film, mask in zip(films, masks, strict=True)])
    drop_hot, drop_random = base.logit - hot.logit, base.logit - chance.logit
    shuffled = random_server.score(films).maps
    correlations = [
        spearmanr(a, b, axis=None).statistic if np.ptp(b) > 0 else 0.0 for a, b in zip(base.maps, shuffled, strict=True)
    ]
    lungs, positive = lung_mask(), [np.clip(heat, 0, None) for heat in heats]
    shares = [float(heat[lungs].sum() / heat.sum()) for heat in positive if heat.sum() > 0]
    return HeatmapFigures(
        films=len(films),
        occlusion_wins=float(np.mean(drop_hot > drop_random)),
        mean_drop_hottest=float(drop_hot.mean()),
        mean_drop_random=float(drop_random.mean()),
        randomised_rank_correlation=float(np.nanmean(correlations)),
        lung_share=float(np.mean(shares)),
        lung_area=float(lungs.mean()),
    )
