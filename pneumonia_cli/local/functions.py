"""The two Lambda functions of the stack in this process: the handlers of the container image, and their contexts."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import TextIO

from pneumonia.handlers import api, worker
from pneumonia_cli.local.lambda_context import LocalContext
from pneumonia_cli.stack.settings import StackSettings

API_HANDLER = api.handler
WORKER_HANDLER = worker.handler


def api_context(settings: StackSettings) -> Callable[[], LocalContext]:
    """Return a function that makes the context of one call of the API, with the limits of the stack."""
    return lambda: LocalContext("pneumonia-api", settings.api_timeout_seconds, settings.memory_mb)


def worker_context(settings: StackSettings) -> Callable[[], LocalContext]:
    """Return a function that makes the context of one call of the worker, with the limits of the stack."""
    return lambda: LocalContext("pneumonia-worker", settings.worker_timeout_seconds, settings.memory_mb)


@contextlib.contextmanager
def logs_to(stream: TextIO) -> Iterator[None]:
    """Write the structured logs of both functions to a stream during a `with` block.

    By default the logs go to standard output, where Lambda collects them.
    """
    with contextlib.ExitStack() as stack:
        for logger in (api.logger, worker.logger):
            handler = logger.registered_handler
            # The two loggers may share one handler. The first change is undone last, which restores the original.
            if isinstance(handler, logging.StreamHandler):
                before = handler.stream
                handler.setStream(stream)
                stack.callback(handler.setStream, before)
        yield
