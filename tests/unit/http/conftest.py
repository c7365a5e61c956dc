"""Fixtures to test routes through the handler, as a caller sees them."""

from collections.abc import Callable
from typing import Any

import pytest

from pneumonia.handlers import api
from tests.conftest import HttpEvent
from tests.unit.conftest import Reply

Ask = Callable[..., Reply]


@pytest.fixture
def ask(http_event: HttpEvent, lambda_context: Any) -> Ask:
    """Send a request: ask("GET", "/config"), with the arguments of `http_event`."""

    def send(method: str, path: str, **request: Any) -> Reply:
        return Reply.of(api.handler(http_event(method, path, **request), lambda_context))

    return send


@pytest.fixture(autouse=True)
def service(tiny_service: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service with the tiny model and without access control."""
    monkeypatch.setenv("AUTH_MODE", "none")
