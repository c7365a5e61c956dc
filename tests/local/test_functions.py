import io
import json

from pneumonia.handlers import api, worker
from pneumonia_cli.local.functions import API_HANDLER, WORKER_HANDLER, api_context, logs_to, worker_context
from pneumonia_cli.stack.settings import StackSettings


def test_the_handlers_are_those_of_the_image(settings: StackSettings) -> None:
    assert API_HANDLER is api.handler
    assert WORKER_HANDLER is worker.handler
    assert api_context(settings)().timeout_seconds == settings.api_timeout_seconds
    assert worker_context(settings)().timeout_seconds == settings.worker_timeout_seconds
    assert worker_context(settings)().memory_limit_in_mb == settings.memory_mb


def test_logs_go_where_they_are_sent_and_back() -> None:
    stream = io.StringIO()
    before = api.logger.registered_handler.stream  # type: ignore[attr-defined]
    with logs_to(stream):
        api.logger.warning("from the api")
        worker.logger.warning("from the worker")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == [
        "from the api",
        "from the worker",
    ]
    assert api.logger.registered_handler.stream is before  # type: ignore[attr-defined]
