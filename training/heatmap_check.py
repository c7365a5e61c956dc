"""Check that the activation map is meaningful, on images that show pneumonia.

- Occlusion: blacking out the hottest fifth of the image must lower the logit more than blacking out a random fifth.
- Randomisation (Adebayo et al. 2018, arXiv:1810.03292): a graph with shuffled weights must give a different map.
- Lungs: the share of positive heat inside the lung masks, and the share of images whose hottest cell is inside.
- Boxes: the share of adults' images whose hottest cell is in a box that a radiologist drew around an opacity.
"""

import csv
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


@dataclass(frozen=True)
class HeatmapFigures:
    films: int
    occlusion_wins: float
    mean_drop_hottest: float
    mean_drop_random: float
    randomised_rank_correlation: float


def upsampled(activation_map: Map, size: int = CANVAS) -> Map:
    """Enlarge one map to ``[size, size]`` with bicubic interpolation."""
    return np.asarray(Image.fromarray(activation_map).resize((size, size), Image.Resampling.BICUBIC))


def hottest(heat: Map, share: float = SHARE) -> NDArray[np.bool_]:
    """Return a mask of the ``share`` of pixels with the highest values."""
    count = round(share * heat.size)
    mask = np.zeros(heat.size, dtype=bool)
    mask[np.argsort(heat, axis=None)[-count:]] = True
    return mask.reshape(heat.shape)


def random_region(heat: Map, rng: np.random.Generator, share: float = SHARE) -> NDArray[np.bool_]:
    """Return a mask as large and smooth as the mask of ``hottest``, from random values on the same grid."""
    return hottest(upsampled(rng.standard_normal(heat.shape).astype(np.float32)), share)


def blacked_out(image: Image.Image, mask: NDArray[np.bool_]) -> Image.Image:
    pixels = np.asarray(image.resize((mask.shape[1], mask.shape[0]), Image.Resampling.BILINEAR)).copy()
    pixels[mask] = 0
    return Image.fromarray(pixels)


def randomised(source: Path, target: Path, seed: int = 0) -> str:
    """Copy an ONNX file, shuffle the values of every large weight tensor, and return the SHA-256 of the copy."""
    graph = onnx.load(source)
    rng = np.random.default_rng(seed)
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype in (np.float32, np.int8) and values.size > 512:
            shuffled = rng.permutation(values.ravel()).reshape(values.shape)
            tensor.CopyFrom(numpy_helper.from_array(shuffled, tensor.name))
    onnx.save(graph, target)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def measure(server: Server, random_server: Server, images: Sequence[Image.Image], seed: int = 0) -> HeatmapFigures:
    """Measure occlusion and randomisation. ``random_server`` has the graph with shuffled weights."""
    rng = np.random.default_rng(seed)
    base = server.score(images)
    heats = [upsampled(one) for one in base.maps]
    hot = server.score([blacked_out(image, hottest(heat)) for image, heat in zip(images, heats, strict=True)])
    masks = [random_region(one, rng) for one in base.maps]
    chance = server.score([blacked_out(image, mask) for image, mask in zip(images, masks, strict=True)])
    drop_hot, drop_random = base.logit - hot.logit, base.logit - chance.logit
    shuffled = random_server.score(images).maps
    correlations = [
        spearmanr(a, b, axis=None).statistic if np.ptp(b) > 0 else 0.0 for a, b in zip(base.maps, shuffled, strict=True)
    ]
    return HeatmapFigures(
        films=len(images),
        occlusion_wins=float(np.mean(drop_hot > drop_random)),
        mean_drop_hottest=float(drop_hot.mean()),
        mean_drop_random=float(drop_random.mean()),
        randomised_rank_correlation=float(np.nanmean(correlations)),
    )


Box = tuple[float, float, float, float]


def read_boxes(path: Path, side: int = 512) -> dict[str, list[Box]]:
    """Return the boxes of each image by file name: left, top, width and height as shares of the image's sides.

    ``path``: a CSV with the columns file, x, y, width and height, in pixels of images of ``side`` pixels.
    """
    boxes: dict[str, list[Box]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            left, top, width, height = (float(row[name]) / side for name in ("x", "y", "width", "height"))
            boxes.setdefault(Path(row["file"]).name, []).append((left, top, width, height))
    return boxes


def in_boxes(maps: Map, boxes: Sequence[Sequence[Box]]) -> dict[str, float]:
    """Return the share of images whose hottest cell has its centre in a box, and the share of area in boxes."""
    hits, areas = [], []
    for one, drawn in zip(maps, boxes, strict=True):
        row, column = divmod(int(one.argmax()), one.shape[1])
        y, x = (row + 0.5) / one.shape[0], (column + 0.5) / one.shape[1]
        hits.append(any(left <= x < left + w and top <= y < top + h for left, top, w, h in drawn))
        canvas = np.zeros((CANVAS, CANVAS), dtype=bool)
        for left, top, w, h in drawn:
            canvas[int(top * CANVAS) : int((top + h) * CANVAS), int(left * CANVAS) : int((left + w) * CANVAS)] = True
        areas.append(canvas.mean())
    return {"films": len(hits), "hottest_in_box": float(np.mean(hits)), "box_area": float(np.mean(areas))}
