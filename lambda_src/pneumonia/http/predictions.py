"""POST /predict, and what a direct invoke asks for: an image or its address in, the prediction out."""

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
    """The prediction for the image of the body."""
    with metrics.rejections(metrics.API):
        source = source_of(request, OPTIONS)
        heatmap, force = read_heatmap(request.query(HEATMAP)), is_wanted(FORCE, request.query(FORCE))
        prevalence = read_prevalence(request.query(PREVALENCE))
        return json_response(_predict(source, heatmap, force, prevalence, request.request_id))


def predict_event(event: Any, request_id: str) -> dict[str, Any]:
    """The prediction for a direct invoke: its whole event is what the JSON body of a request would be."""
    with metrics.rejections(metrics.API):
        source = from_json(event, process_settings().max_image_bytes)
        heatmap, force = read_heatmap(event.get(HEATMAP)), is_wanted(FORCE, event.get(FORCE))
        return _predict(source, heatmap, force, read_prevalence(event.get(PREVALENCE)), request_id)


def _predict(
    source: GivenImage, heatmap: Heatmap, force: bool, prevalence: float | None, request_id: str
) -> dict[str, Any]:
    """The prediction for an image. With a heatmap it has the member `heatmap`: {"content_type": "image/png",
    "encoding": "base64", "data": ...}, with its map the member `evidence_map`, with a prevalence the member
    `at_prevalence`."""
    # The model first: without it there is no use in fetching anything.
    predictor = process_predictor()
    data = bytes_of(source)
    prediction = predictor.predict(data, request_id=request_id, heatmap=heatmap is Heatmap.PICTURE, force=force)
    body = with_prevalence(prediction.body, prevalence)
    if prediction.heatmap_png is not None:
        encoded = base64.b64encode(prediction.heatmap_png).decode("ascii")
        body["heatmap"] = {"content_type": "image/png", "encoding": "base64", "data": encoded}
    if heatmap is Heatmap.MAP:
        body["evidence_map"] = prediction.evidence_map
    # Format and speed only: what the model says of a patient belongs to the caller.
    logger.info(
        "predicted",
        image_format=body["image"]["format"],
        timing_ms=body["timing_ms"],
        heatmap=heatmap is not Heatmap.NONE,
    )
    metrics.prediction(metrics.API, body)
    return body


def source_of(request: Request, in_query: frozenset[str] = frozenset()) -> GivenImage:
    """The image in a request, or its address. `in_query` and what it raises: see `from_http`."""
    return from_http(
        request.body,
        is_base64=request.is_base64,
        content_type=request.header("content-type"),
        max_bytes=process_settings().max_image_bytes,
        content_encoding=request.header("content-encoding"),
        in_query=in_query,
    )


def bytes_of(source: GivenImage) -> bytes:
    """The bytes of the image, fetched if need be. Raises what `fetch` raises."""
    return _fetch(source) if isinstance(source, RemoteImage) else source.data


def _fetch(source: RemoteImage) -> bytes:
    # Imported here: HTTP and TLS are a tenth of what a prediction loads, and most callers send the image.
    from pneumonia.http.fetch import Policy, fetch

    settings = process_settings()
    policy = Policy(frozenset(settings.allowed_url_hosts), settings.max_image_bytes, settings.url_timeout_seconds)
    return fetch(source.url, policy)
