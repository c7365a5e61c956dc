"""POST /predict and direct invokes: take an image or its URL, return the prediction."""

import base64
from typing import Any

from aws_lambda_powertools import Logger

from pneumonia import metrics
from pneumonia.http.images import GivenImage, RemoteImage, from_http, from_json
from pneumonia.http.requests import Request
from pneumonia.http.responses import Response, json_response
from pneumonia.options import FORCE, HEATMAP, Heatmap, is_wanted, read_heatmap
from pneumonia.predictor import process_predictor
from pneumonia.prevalence import OPTION as PREVALENCE
from pneumonia.prevalence import read_prevalence, with_prevalence
from pneumonia.settings import process_settings

OPTIONS = frozenset({HEATMAP, FORCE, PREVALENCE})
"""The query parameters of POST /predict."""

logger = Logger()


def predict(request: Request) -> Response:
    """Return the prediction for the image in the body."""
    with metrics.rejections(metrics.API):
        source = source_of(request, OPTIONS)
        heatmap, force = read_heatmap(request.query(HEATMAP)), is_wanted(FORCE, request.query(FORCE))
        prevalence = read_prevalence(request.query(PREVALENCE))
        return json_response(_predict(source, heatmap, force, prevalence, request.request_id))


def predict_event(event: Any, request_id: str) -> dict[str, Any]:
    """Return the prediction for a direct invoke. Its event has the members of the JSON body, and the options."""
    with metrics.rejections(metrics.API):
        source = from_json(event, process_settings().max_image_bytes)
        heatmap, force = read_heatmap(event.get(HEATMAP)), is_wanted(FORCE, event.get(FORCE))
        return _predict(source, heatmap, force, read_prevalence(event.get(PREVALENCE)), request_id)


def _predict(
    source: GivenImage, heatmap: Heatmap, force: bool, prevalence: float | None, request_id: str
) -> dict[str, Any]:
    """Return the prediction for an image, with optional members.

    `heatmap` is {"content_type": "image/png", "encoding": "base64", "data": ...}. `evidence_map` has the values that
    the heatmap shows. `at_prevalence` is present if a prevalence was given.
    """
    # Load the model first: without a model, fetching the image is useless.
    predictor = process_predictor()
    data = bytes_of(source)
    prediction = predictor.predict(data, request_id=request_id, heatmap=heatmap is Heatmap.PICTURE, force=force)
    body = with_prevalence(prediction.body, prevalence)
    if prediction.heatmap_png is not None:
        encoded = base64.b64encode(prediction.heatmap_png).decode("ascii")
        body["heatmap"] = {"content_type": "image/png", "encoding": "base64", "data": encoded}
    if heatmap is Heatmap.MAP:
        body["evidence_map"] = prediction.evidence_map
    # Only the format, the times and the heatmap option are logged, because the prediction concerns a patient.
    logger.info(
        "predicted",
        image_format=body["image"]["format"],
        timing_ms=body["timing_ms"],
        heatmap=heatmap is not Heatmap.NONE,
    )
    metrics.prediction(metrics.API, body)
    return body


def source_of(request: Request, in_query: frozenset[str] = frozenset()) -> GivenImage:
    """Return the image in a request, or its URL. See `from_http` for `in_query` and the errors."""
    return from_http(
        request.body,
        is_base64=request.is_base64,
        content_type=request.header("content-type"),
        max_bytes=process_settings().max_image_bytes,
        content_encoding=request.header("content-encoding"),
        in_query=in_query,
    )


def bytes_of(source: GivenImage) -> bytes:
    """Return the bytes of the image, fetched if needed. Raises the errors of `fetch`."""
    return _fetch(source) if isinstance(source, RemoteImage) else source.data


def _fetch(source: RemoteImage) -> bytes:
    # Imported here, because HTTP and TLS are a tenth of a prediction's imports, and most callers send the image itself.
    from pneumonia.http.fetch import Policy, fetch

    settings = process_settings()
    policy = Policy(frozenset(settings.allowed_url_hosts), settings.max_image_bytes, settings.url_timeout_seconds)
    return fetch(source.url, policy)
