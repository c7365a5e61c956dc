"""Lambda handler of the Function URL and of direct invokes: the route table and the code that all routes share.

A direct invoke with {"url": ...} or {"image": ...} as the whole event returns the body of POST /predict, or the problem
document, as a plain object. Only the routes that need boto3 import it, to keep cold starts short.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from pneumonia import metrics
from pneumonia.errors import AccessCheckFailed, MethodNotAllowed, NotFound, Unauthorized
from pneumonia.handlers.startup import load_in_init_phase
from pneumonia.http import predictions
from pneumonia.http.auth import authorize
from pneumonia.http.requests import Request, is_function_url_event
from pneumonia.http.responses import PRIVATE, Response, log_problem, problem_response
from pneumonia.http.routes import Route, on_demand
from pneumonia.prevalence import OPTION as PREVALENCE
from pneumonia.settings import process_settings

logger = Logger()

ROUTES = (
    Route("GET", "/", on_demand("pages", "index"), any_query=True, public=True),
    Route("GET", "/page/{name}", on_demand("pages", "page_file"), any_query=True, public=True),
    Route("GET", "/docs", on_demand("documents", "docs"), any_query=True, public=True),
    Route("GET", "/model-card", on_demand("documents", "model_card"), any_query=True, public=True),
    Route("GET", "/config", on_demand("service", "config"), public=True),
    Route("GET", "/health", on_demand("service", "health"), public=True),
    Route("GET", "/model", on_demand("service", "model")),
    Route("GET", "/openapi.json", on_demand("service", "openapi"), public=True),
    Route("POST", "/", predictions.predict, query=predictions.OPTIONS),
    Route("POST", "/predict", predictions.predict, query=predictions.OPTIONS),
    Route("POST", "/image", on_demand("pictures", "picture")),
    Route("POST", "/uploads", on_demand("uploads", "create_upload")),
    Route("POST", "/studies", on_demand("stow", "store")),
    Route("POST", "/studies/{study}", on_demand("stow", "store_in_study")),
    Route("POST", "/feedback", on_demand("feedback", "give")),
    Route("GET", "/results/{upload_id}", on_demand("results", "result"), query=frozenset({PREVALENCE})),
    Route("GET", "/results/{upload_id}/heatmap.png", on_demand("results", "heatmap")),
)


# Never logs the event, even if POWERTOOLS_LOGGER_LOG_EVENT is set, because it contains the image.
@logger.inject_lambda_context(log_event=False, clear_state=True)
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Return the response to one event. The handler never raises, so no caller sees a stack trace."""
    metrics.cold_start(metrics.API)
    # Use the same field name as the worker, so that one query finds the log lines of both.
    logger.set_correlation_id(context.aws_request_id)
    if is_function_url_event(event):
        return _answer(Request(event, context.aws_request_id)).to_lambda()
    try:
        return predictions.predict_event(event, context.aws_request_id)
    except Exception as error:
        return log_problem(error, context.aws_request_id)


def _answer(request: Request) -> Response:
    """Return the response to a request, or a problem document. HEAD is GET without the body (RFC 9110, 9.3.2)."""
    head = False
    try:
        head = request.method == "HEAD"
        response = _respond(request)
    except Exception as error:
        response = problem_response(error, request.request_id)
    return response.without_body() if head else response


def _respond(request: Request) -> Response:
    """Find the route, check credentials unless the route is public, and call the route.

    Credentials are checked before the path, so callers without credentials learn the paths only from the public
    description of the API. Raises Unauthorized, NotFound, MethodNotAllowed, and the errors of the route.
    """
    known = [route for route in ROUTES if route.matches(request.path)]
    if request.method == "OPTIONS":
        return _options(request, known)
    method = "GET" if request.method == "HEAD" else request.method
    route = next((route for route in known if route.method == method), None)
    if route is None or not route.public:
        _note_caller(authorize(request.event, process_settings(), request.header("authorization")))
    if route is not None:
        return route.respond(replace(request, parameters=route.parameters(request.path)))
    if known:
        allow = _methods(known)
        raise MethodNotAllowed(f"This path does not support the method of the request. Use {', '.join(allow)}.", allow)
    raise _no_such_path()


def _note_caller(name: str | None) -> None:
    """Add the name of the token to all log lines of the request, and count the request under this name."""
    if name is not None:
        logger.append_keys(caller=name)
        metrics.request(metrics.API, name)


def _options(request: Request, known: Sequence[Route]) -> Response:
    """Return the response to OPTIONS.

    Credentials are optional, because preflight requests carry none. Without credentials, the response contains nothing
    about paths that are not public.

    The response has no CORS headers. If other origins are allowed, the Function URL responds to preflight requests
    (docs/access.md); otherwise browsers treat the missing headers as a refusal.
    """
    headers = dict(PRIVATE)
    try:
        if not any(route.public for route in known):
            _note_caller(authorize(request.event, process_settings(), request.header("authorization")))
            if not known:
                raise _no_such_path()
        headers["Allow"] = ", ".join(_methods(known))
    except (Unauthorized, AccessCheckFailed):
        pass
    return Response(204, "text/plain", "", headers)


def _no_such_path() -> NotFound:
    there = ", ".join(f"{route.method} {route.path}" for route in ROUTES)
    return NotFound(f"The path does not exist. Available paths are {there}.")


def _methods(routes: Sequence[Route]) -> tuple[str, ...]:
    methods = {route.method for route in routes}
    return tuple(sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))


load_in_init_phase(logger)
