"""Images of this machine straight through the model, without any cloud."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pneumonia.errors import PneumoniaError, problem, rejects
from pneumonia.predictor import Predictor
from pneumonia_cli.reporting.images import ImageFile, read

Keep = Callable[[ImageFile, bytes, dict[str, Any], bytes | None], None]
"""Takes an image, the bytes of its file, its line, and its heatmap as PNG if it was predicted."""


def predict_all(
    predictor: Predictor, images: Sequence[ImageFile], *, force: bool = False, keep: Keep | None = None
) -> Iterator[dict[str, Any]]:
    """One line an image, in order: `file` and the fields of the answer, or `file` and `error`.

    `error` holds code, title, detail and status of an image that was refused. `force` predicts what does not look
    like an upright chest X-ray. `keep` is called for every image that could be read, after it was predicted or refused.
    Raises what is no fault of an image: ModelError.
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
