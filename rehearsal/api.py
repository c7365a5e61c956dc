"""Calls of AWS APIs from this process to its moto server."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config

INVOKE_SECONDS = 900
"""The longest time limit of a Lambda function."""

_CONFIG = Config(retries={"total_max_attempts": 1}, read_timeout=INVOKE_SECONDS, max_pool_connections=32)

_clients: dict[str, Any] = {}
_lock = threading.Lock()


def call(service: str, operation: str, **parameters: Any) -> dict[str, Any]:
    """Make one call. botocore checks the parameters, so an unknown parameter is an error."""
    answer: dict[str, Any] = getattr(client(service), operation)(**parameters)
    return answer


def client(service: str) -> Any:
    """Return the client of a service. All threads share it."""
    with _lock:  # creating a client is slow, and not thread-safe
        if service not in _clients:
            _clients[service] = boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]
        return _clients[service]


@contextlib.contextmanager
def clients_closed() -> Iterator[None]:
    """Close all clients at the end of a `with` block, because the next server has another address."""
    try:
        yield
    finally:
        for service in list(_clients):
            _clients.pop(service).close()
