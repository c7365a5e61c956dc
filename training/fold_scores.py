"""Score the held-out images of a fold in three variants: unchanged, under simulated acquisitions, and cropped.

The scores go into the fold's folder: ``validation.npz`` (``index``, ``logit``), ``shifted.npz`` and ``cut.npz``
(``logit``, one row for each variant), and ``checks.json``, which also contains the share of heat in the lungs.
Thresholds, calibration and every cross-validated figure come from these files.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training import metrics, shifted
from training.feed import MASK_SIDE, ImageSet

Logits = NDArray[np.float32]

BATCH = 64
CUT = 0.25
CUTS = ((CUT, 0.0), (0.0, CUT), (CUT / 2, CUT / 2))
"""Variants of cropping: shares of the height to cut off at the top and at the bottom."""


def predict(part: Any, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Return the outputs of a core for uint8 images.

    All batches have the same size, because an accelerator would compile the network again for each new size.
    """
    filled = np.concatenate([pixels, np.repeat(pixels[:1], -len(pixels) % BATCH, axis=0)])
    found: dict[str, list[NDArray[np.float32]]] = {}
    for start in range(0, len(filled), BATCH):
        values = part.predict_on_batch(filled[start : start + BATCH].astype(np.float32) / 127.5 - 1)
        for name in ("logit", "activation_map", "lung_map"):
            found.setdefault(name, []).append(np.asarray(values[name], np.float32))
    return {name: np.concatenate(values)[: len(pixels)] for name, values in found.items()}


def logits_of(part: Any, pixels: NDArray[np.uint8]) -> Logits:
    """Return the logits of uint8 images, float32 ``[N]``."""
    return predict(part, pixels)["logit"]


def cut(pixels: NDArray[np.uint8], top: float, bottom: float) -> NDArray[np.uint8]:
    """Cut shares of the height off images, uint8 ``[N, S, S, 1]``, and resize the rest to a square again."""
    size = pixels.shape[1]
    box = (0, top * size, size, (1 - bottom) * size)
    resized = [Image.fromarray(image[..., 0]).resize((size, size), Image.Resampling.BILINEAR, box) for image in pixels]
    return np.stack([np.asarray(image) for image in resized])[..., np.newaxis]


def in_lungs(maps: NDArray[np.float32], masks: NDArray[np.uint8]) -> dict[str, float]:
    """Return three shares: positive heat that is in the lungs, images whose hottest cell is there, and lung area.

    ``maps``: float32 ``[N, h, w]``; ``masks``: uint8 ``[N, 56, 56]``.
    """
    inside = masks > 127
    size = (MASK_SIDE, MASK_SIDE)
    large = np.stack([np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BILINEAR)) for one in maps])
    heat = np.clip(large, 0, None)
    total = heat.sum(axis=(1, 2))
    shares = (heat * inside).sum(axis=(1, 2))[total > 0] / total[total > 0]
    peaks = large.reshape(len(large), -1).argmax(axis=1)
    return {
        "heat_in_lungs": float(shares.mean()) if len(shares) else 0.0,  # 0 if no image has any positive heat
        "peak_in_lungs": float(inside.reshape(len(inside), -1)[np.arange(len(inside)), peaks].mean()),
        "lung_area": float(inside.mean()),
    }


def score(part: Any, images: ImageSet, index: NDArray[np.int64], folder: Path) -> dict[str, Any]:
    """Write the scores of held-out ``images`` and return the content of ``checks.json``.

    ``index``: positions of the images in the list of the run.
    """
    found = predict(part, images.pixels)
    others = np.stack([logits_of(part, shifted.acquired_otherwise(images.pixels, k)) for k in range(shifted.DRAWS)])
    shorter = np.stack([logits_of(part, cut(images.pixels, *shares)) for shares in CUTS])
    y = images.y.astype(np.float64)
    limit = float(np.quantile(found["logit"][y == 1], 0.05))
    checks: dict[str, Any] = {
        "films": len(y),
        "auc": metrics.auc(y, found["logit"].astype(np.float64)),
        "auc_shifted": metrics.auc(np.tile(y, shifted.DRAWS), others.ravel().astype(np.float64)),
        "specificity_at_sensitivity_95": float(np.mean(found["logit"][y == 0] < limit)),
        "normals_called_ill_when_cut": [float(np.mean(row[y == 0] >= limit)) for row in shorter],
    }
    shown = np.flatnonzero((images.known > 0) & (images.y == 1))
    if len(shown):
        checks |= in_lungs(found["activation_map"][shown], images.masks[shown])
    np.savez(folder / "shifted.npz", logit=others)
    np.savez(folder / "cut.npz", logit=shorter)
    (folder / "checks.json").write_text(json.dumps(checks, indent=1))
    np.savez(folder / "next.npz", index=index, logit=found["logit"])
    os.replace(folder / "next.npz", folder / "validation.npz")
    return checks
