"""The origin's way to serve, written from its description: fp32 Xception, colour, Pillow, numpy, default session.

Decode with Pillow, convert to RGB, resize to 150x150 (nearest, the cheapest there is: nothing is charged to the
origin that its description does not name), float32 divided by 255, a session with default options, JSON out.
It fetched its images from a URL; the fetch is left out here, as it is for ours.
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
    """Bytes of an image in, JSON out."""

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
    """Lambda handler of the origin's container: {"image": base64}; `ORIGIN_MODEL` names the graph."""
    return _origin[0].answer(base64.b64decode(event["image"]))


if "ORIGIN_MODEL" in os.environ:  # in the container: loaded in the INIT phase
    _origin.append(Origin(Path(os.environ["ORIGIN_MODEL"])))
