"""Lambda handler of the Function URL and of direct invokes.

POST /predict and POST / predict an image, GET /health tests the model, GET /model shows its card. Invoked
directly with {"url": ...} or {"image": ...} as the whole event, the same answer (or the same problem
document) comes back as a plain object. boto3 is not imported here, for the sake of the cold start.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

from pneumonia.errors import (
    MethodNotAllowed,
    NotFound,
    PneumoniaError,
    Unhealthy,
    log_fields,
    problem,
    rejects,
)
from pneumonia.fetch import Policy, fetch
from pneumonia.inference import process_predictor
from pneumonia.request import RemoteImage, Source, from_http, from_json, is_function_url_event, wants_heatmap
from pneumonia.settings import process_settings
from pneumonia.startup import load_in_init_phase

logger = Logger()
app = LambdaFunctionUrlResolver()


# Never logs the event, whatever POWERTOOLS_LOGGER_LOG_EVENT says: it holds the image.
@logger.inject_lambda_context(log_event=False, clear_state=True)
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer one event; never raises, so that no caller sees a stack trace."""
    if is_function_url_event(event):
        try:
            return app.resolve(event, context)
        except Exception as error:  # an event that the resolver itself cannot read
            response = _problem_response(error, context.aws_request_id)
            return {
                "statusCode": response.status_code,
                "headers": {"Content-Type": response.content_type, **response.headers},
                "body": response.body,
                "isBase64Encoded": False,
            }
    try:
        source = from_json(event, process_settings().max_image_bytes)
        return _answer(source, wants_heatmap(event.get("heatmap")), context.aws_request_id)
    except Exception as error:
        return _log_problem(error, context.aws_request_id)


def predict() -> Response[str]:
    event = app.current_event
    source = from_http(
        event.body,
        is_base64=event.is_base64_encoded is True,
        content_type=event.headers.get("content-type") or "",
        max_bytes=process_settings().max_image_bytes,
    )
    heatmap = wants_heatmap(event.query_string_parameters.get("heatmap"))
    return _json_response(_answer(source, heatmap, _request_id()))


def health() -> Response[str]:
    """200 if the model is loaded and gives the golden answer now, else the problem `unhealthy` (503)."""
    try:
        predictor = process_predictor()
        predictor.self_test()
    except Exception as error:
        logger.error("health check failed", **log_fields(error))
        raise Unhealthy("see the log entry above") from error
    return _json_response({"status": "ok", "self_test": "passed", "model": predictor.card.identity()})


def model() -> Response[str]:
    """The whole model card."""
    return _json_response(process_predictor().card.document)


ROUTES: dict[str, dict[str, Callable[[], Response[str]]]] = {
    "/": {"POST": predict},
    "/predict": {"POST": predict},
    "/health": {"GET": health},
    "/model": {"GET": model},
}
for _path, _methods in ROUTES.items():
    for _method, _function in _methods.items():
        app.route(_path, method=_method)(_function)


@app.not_found
def not_found(_error: NotFoundError) -> Response[str]:
    """The resolver asks here for every path and method it has no route for: tell 404 from 405."""
    methods = ROUTES.get(app.current_event.path)
    if methods is None:
        paths = ", ".join(f"{method} {path}" for path, found in ROUTES.items() for method in found)
        return _problem_response(NotFound(f"There is no such path. There are {paths}."), _request_id())
    allow = tuple(sorted(methods))
    return _problem_response(MethodNotAllowed(f"This path answers {', '.join(allow)}.", allow), _request_id())


def failed(error: Exception) -> Response[str]:
    """Every exception of a route becomes a problem document."""
    return _problem_response(error, _request_id())


app.exception_handler(Exception)(failed)


def _answer(source: Source, heatmap: bool, request_id: str) -> dict[str, Any]:
    """The answer for an image. With a heatmap it has the member `heatmap`: {"content_type": "image/png",
    "encoding": "base64", "data": ...}."""
    # The model first: without it there is no use in fetching anything.
    predictor = process_predictor()
    data = _fetch(source) if isinstance(source, RemoteImage) else source.data
    answer = predictor.answer(data, request_id=request_id, heatmap=heatmap)
    body = dict(answer.body)
    if answer.heatmap_png is not None:
        encoded = base64.b64encode(answer.heatmap_png).decode("ascii")
        body["heatmap"] = {"content_type": "image/png", "encoding": "base64", "data": encoded}
    # Size and speed only: what the model says of a patient belongs to the caller.
    logger.info("predicted", image=body["image"], timing_ms=body["timing_ms"], heatmap=heatmap)
    return body


def _fetch(source: RemoteImage) -> bytes:
    settings = process_settings()
    policy = Policy(settings.allowed_url_hosts, settings.max_image_bytes, settings.url_timeout_seconds)
    return fetch(source.url, policy)


def _request_id() -> str:
    return str(app.lambda_context.aws_request_id)


def _json_response(body: dict[str, Any]) -> Response[str]:
    return Response(200, "application/json", json.dumps(body), {"Cache-Control": "no-store"})


def _problem_response(error: Exception, request_id: str) -> Response[str]:
    body = _log_problem(error, request_id)
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store"}
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allow)
    return Response(body["status"], "application/problem+json", json.dumps(body), headers)


def _log_problem(error: Exception, request_id: str) -> dict[str, Any]:
    document = problem(error, request_id)
    if rejects(error) and isinstance(error, PneumoniaError):
        logger.info("refused", error_code=error.code, status=error.status)
    else:
        logger.error("failed", status=document["status"], **log_fields(error))
    return document


load_in_init_phase(logger)
