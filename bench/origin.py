"""The prediction code of the origin (the original service), rebuilt from its published description.

It decodes with Pillow, converts to RGB, resizes to 150x150, and divides by 255 in float32. It then runs an fp32
Xception in a session with default options, and returns JSON. The description names no resize filter, so this code uses
nearest, the fastest one. The origin fetched its images from a URL; fetching is not measured for either service.
"""

import base64
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime
from PIL import Image

SIZE = 150


class Origin:
    """The model of the origin."""

    def __init__(self, model: Path) -> None:
        self._session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def answer(self, data: bytes) -> str:
        with Image.open(io.BytesIO(data)) as image:
            small = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.NEAREST)
        x = np.array(small, dtype=np.float32)[np.newaxis] / 255.0
        normal, pneumonia = self._session.run(None, {self._input: x})[0][0].tolist()
        return json.dumps({"normal": normal, "pneumonia": pneumonia})


_origin: list[Origin] = []


def handler(event: dict[str, Any], _context: object) -> str:
    """Handle an event {"image": base64} in the container of the origin. `ORIGIN_MODEL` names the graph."""
    return _origin[0].answer(base64.b64decode(event["image"]))


if "ORIGIN_MODEL" in os.environ:  # in the container, load the graph in Lambda's INIT phase
    _origin.append(Origin(Path(os.environ["ORIGIN_MODEL"])))
