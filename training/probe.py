"""The linear probe: logistic regression on frozen ImageNet features.

Fine-tuning starts from the probe; with ``--epochs 0``, training stops after the probe. Because the head already fits,
the first steps of fine-tuning do not distort the pre-trained features. This makes the network more robust under
distribution shift (Kumar et al. 2022, arXiv:2202.10054).
"""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

FloatArray = NDArray[np.float32]


def frozen_features(model: Any, pixels: NDArray[np.uint8], cache: Path, batch: int = 64) -> FloatArray:
    """Return pooled features of the pre-trained core ``model``, float32 ``[N, 2048]``, and keep them in ``cache``."""
    if cache.exists():
        stored = np.load(cache)
        if len(stored) == len(pixels):
            return np.asarray(stored, dtype=np.float32)
    reader = keras.Model(model.input, model.output["features"], name="features")
    filled = np.concatenate([pixels, np.repeat(pixels[:1], -len(pixels) % batch, axis=0)])
    parts = [
        np.asarray(reader.predict_on_batch(filled[k : k + batch].astype(np.float32) / 127.5 - 1), np.float32)
        for k in track(range(0, len(filled), batch), description="Frozen features")
    ]
    features = np.concatenate(parts)[: len(pixels)]
    cache.parent.mkdir(parents=True, exist_ok=True)
    # Write a new file and rename it, because several processes may train folds at the same time.
    new = cache.with_name(f"{os.getpid()}-{cache.name}")
    np.save(new, features)
    os.replace(new, cache)
    return features


def fit_head(features: FloatArray, labels: FloatArray, strength: float = 1e-3) -> tuple[FloatArray, FloatArray]:
    """Fit a class-balanced logistic regression; return kernel float32 ``[2048, 1]`` and bias ``[1]`` for raw features.

    ``strength``: scikit-learn's C (inverse L2 penalty) on standardised features.
    """
    scaler = StandardScaler().fit(features)
    fit = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)
    fit.fit(scaler.transform(features), labels)
    kernel = fit.coef_[0] / scaler.scale_
    bias = fit.intercept_[0] - float(kernel @ scaler.mean_)
    return kernel[:, None].astype(np.float32), np.array([bias], dtype=np.float32)
