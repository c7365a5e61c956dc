"""Lambda handler of the Function URL and of direct invokes: the table of routes, and what holds for all.

Invoked directly with {"url": ...} or {"image": ...} as the whole event, the same answer as that of POST
/predict (or the same problem document) comes back as a plain object. boto3 is imported only by the routes
that need it, for the sake of the cold start.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.data_classes import LambdaFunctionUrlEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from pneumonia import metrics
from pneumonia.auth import authorize
from pneumonia.errors import MethodNotAllowed, NotFound
from pneumonia.http import pages, predictions, results, service, uploads
from pneumonia.http.exchange import Answer, Request, log_problem, problem_answer, raw_answer
from pneumonia.http.routes import Route
from pneumonia.request import is_function_url_event
from pneumonia.settings import process_settings
from pneumonia.startup import load_in_init_phase

logger = Logger()
app = LambdaFunctionUrlResolver()

_OPTIONS = frozenset({"heatmap", "force"})

ROUTES = (
    Route("GET", "/", pages.index, public=True),
    Route("GET", "/page/{name}", pages.page_file, public=True),
    Route("GET", "/config", service.config, public=True),
    Route("GET", "/health", service.health, public=True),
    Route("GET", "/model", service.model),
    Route("GET", "/openapi.json", service.openapi),
    Route("POST", "/", predictions.predict, query=_OPTIONS),
    Route("POST", "/predict", predictions.predict, query=_OPTIONS),
    Route("POST", "/uploads", uploads.create_upload),
    Route("GET", "/results/{upload_id}", results.result),
    Route("GET", "/results/{upload_id}/heatmap.png", results.heatmap),
)


# Never logs the event, whatever POWERTOOLS_LOGGER_LOG_EVENT says: it holds the image.
@logger.inject_lambda_context(log_event=False, clear_state=True)
def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Answer one event; never raises, so that no caller sees a stack trace."""
    metrics.cold_start(metrics.API)
    # By the name under which the worker has its own, so that one query finds the lines of both.
    logger.set_correlation_id(context.aws_request_id)
    if is_function_url_event(event):
        try:
            _let_in(event)
            return app.resolve(event, context)
        except Exception as error:  # not let in, or an event that the resolver itself cannot read
            return raw_answer(problem_answer(error, context.aws_request_id))
    try:
        return predictions.predict_event(event, context.aws_request_id)
    except Exception as error:
        return log_problem(error, context.aws_request_id)


def _let_in(event: dict[str, Any]) -> None:
    """Ask for credentials on every route that is not public, and wherever there is no route. Raises Unauthorized.

    Before the resolver, so that nothing of it, not even which paths there are, is told to just anyone.
    """
    asked = LambdaFunctionUrlEvent(event)
    method, path = asked.http_method.upper(), asked.path
    if not any(route.public and route.method == method and route.matches(path) for route in ROUTES):
        authorize(event, process_settings(), asked.headers.get("authorization") or "")


@app.not_found
def not_found(_error: NotFoundError) -> Answer:
    """The resolver asks here for every path and method it has no route for: tell 404 from 405."""
    path = app.current_event.path
    allow = tuple(sorted(route.method for route in ROUTES if route.matches(path)))
    if allow:
        return problem_answer(MethodNotAllowed(f"This path answers {', '.join(allow)}.", allow), _request_id())
    there = ", ".join(f"{route.method} {route.path}" for route in ROUTES)
    return problem_answer(NotFound(f"There is no such path. There are {there}."), _request_id())


def failed(error: Exception) -> Answer:
    """Every exception of a route becomes a problem document."""
    return problem_answer(error, _request_id())


app.exception_handler(Exception)(failed)


def _request_id() -> str:
    return str(app.lambda_context.aws_request_id)


def _register(route: Route) -> None:
    def call(**parameters: str) -> Answer:
        return route.answer(Request(app.current_event, _request_id(), parameters))

    app.route(route.rule, method=route.method)(call)


for _route in ROUTES:
    _register(_route)

load_in_init_phase(logger)
