"""Measure the fixed scale of the heatmap: the evidence at which a cell is drawn in full colour.

The scale is a quantile, over images with pneumonia, of the value of the hottest cell. Because the scale is fixed, an
image without evidence stays dark, and two heatmaps can be compared.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.progress import track

from pneumonia.model.sessions import Model
from training import data

QUANTILE = 0.75
IMAGES = 400
BATCH = 8


def measure(model: Model, images: Path) -> dict[str, Any]:
    """Return the card's ``heatmap`` entry: ``full_scale`` in units of the logit, number of images and quantile."""
    positives = [image.path for image in data.scan(images) if image.label == 1]
    chosen = [positives[k] for k in np.linspace(0, len(positives) - 1, min(IMAGES, len(positives))).astype(int)]
    peaks = []
    for start in track(range(0, len(chosen), BATCH), description="Scale of the heatmap"):
        batch = [_grey(path) for path in chosen[start : start + BATCH]]
        peaks += [float(found.activation_map.max()) for found in model.predict(batch)]
    scale = float(np.quantile(peaks, QUANTILE))
    return {"full_scale": round(max(scale, 1e-3), 4), "films": len(peaks), "quantile": QUANTILE}


def _grey(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("L")
