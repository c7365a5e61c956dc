"""Images of this machine straight through the model, without any cloud."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from pneumonia.errors import PneumoniaError, problem, rejects
from pneumonia.predictor import Predictor
from pneumonia_cli.reporting.images import ImageFile, read


def predict_all(predictor: Predictor, images: Sequence[ImageFile], *, force: bool = False) -> Iterator[dict[str, Any]]:
    """One line an image, in order: `file` and the fields of the answer, or `file` and `error`.

    `error` holds code, title, detail and status of an image that was refused. `force` predicts what does not look
    like an upright chest X-ray. Raises what is no fault of an image: ModelError.
    """
    for image in images:
        request_id = str(uuid.uuid4())
        try:
            data = read(image.path, predictor.limits.max_image_bytes)
            yield {
                "file": image.name,
                **predictor.predict(data, request_id=request_id, heatmap=False, force=force).body,
            }
        except PneumoniaError as error:
            if not rejects(error):
                raise
            told = problem(error, request_id)
            yield {"file": image.name, "error": {name: told[name] for name in ("code", "title", "detail", "status")}}
