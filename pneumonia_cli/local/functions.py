"""The two Lambda functions of the stack, in this process: the handlers that the image runs, and their contexts."""

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
    """Makes the context of each call of the API, with its limits in the stack."""
    return lambda: LocalContext("pneumonia-api", settings.api_timeout_seconds, settings.memory_mb)


def worker_context(settings: StackSettings) -> Callable[[], LocalContext]:
    """Makes the context of each call of the worker, with its limits in the stack."""
    return lambda: LocalContext("pneumonia-worker", settings.worker_timeout_seconds, settings.memory_mb)


@contextlib.contextmanager
def logs_to(stream: TextIO) -> Iterator[None]:
    """Write the structured logs of both functions to a stream for the length of a `with` block.

    Without it they go to standard output, where Lambda picks them up.
    """
    with contextlib.ExitStack() as stack:
        for logger in (api.logger, worker.logger):
            handler = logger.registered_handler
            # The two may share one handler: the first change is undone last, and that one knows the original.
            if isinstance(handler, logging.StreamHandler):
                before = handler.stream
                handler.setStream(stream)
                stack.callback(handler.setStream, before)
        yield
