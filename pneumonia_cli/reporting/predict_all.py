"""Predict images with the model on this machine, without any cloud."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pneumonia.errors import PneumoniaError, problem, rejects
from pneumonia.predictor import Predictor
from pneumonia_cli.reporting.images import ImageFile, read

Keep = Callable[[ImageFile, bytes, dict[str, Any], bytes | None], None]
"""Called with an image, the bytes of its file, its line, and its heatmap as PNG if it was predicted."""


def predict_all(
    predictor: Predictor, images: Sequence[ImageFile], *, force: bool = False, keep: Keep | None = None
) -> Iterator[dict[str, Any]]:
    """Yield one line for each image, in order: `file` and the fields of the prediction, or `file` and `error`.

    `error` has code, title, detail and status of an image that was refused. `force`: also predict images that do not
    look like an upright chest X-ray. `keep`: called for every readable image after it was predicted or refused.
    Raises ModelError and other errors that are not about an image.
    """
    for image in images:
        request_id = str(uuid.uuid4())
        data, png = b"", None
        try:
            data = read(image.path, predictor.limits.max_image_bytes)
            prediction = predictor.predict(data, request_id=request_id, heatmap=keep is not None, force=force)
            line, png = {"file": image.name, **prediction.body}, prediction.heatmap_png
        except PneumoniaError as error:
            if not rejects(error):
                raise
            told = problem(error, request_id)
            line = {"file": image.name, "error": {name: told[name] for name in ("code", "title", "detail", "status")}}
        if keep is not None and data:
            keep(image, data, line, png)
        yield line
