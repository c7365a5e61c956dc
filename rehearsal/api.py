"""Calls of AWS APIs, from this process to the moto that it serves."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config

INVOKE_SECONDS = 900
"""The most that Lambda gives a function."""

_CONFIG = Config(retries={"total_max_attempts": 1}, read_timeout=INVOKE_SECONDS, max_pool_connections=32)

_clients: dict[str, Any] = {}
_lock = threading.Lock()


def call(service: str, operation: str, **parameters: Any) -> dict[str, Any]:
    """One call. botocore checks the parameters, so a property that the API does not know is an error."""
    answer: dict[str, Any] = getattr(client(service), operation)(**parameters)
    return answer


def client(service: str) -> Any:
    """The client of a service, which all threads share."""
    with _lock:  # making one takes long, and is not safe beside another
        if service not in _clients:
            _clients[service] = boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]
        return _clients[service]


@contextlib.contextmanager
def clients_closed() -> Iterator[None]:
    """At the end of a `with` block no client is left: the next server is another one."""
    try:
        yield
    finally:
        for service in list(_clients):
            _clients.pop(service).close()
