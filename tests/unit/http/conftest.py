"""Routes are tested through the handler, as a caller sees them."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from pneumonia.handlers import api
from tests.conftest import HttpEvent


@dataclass(frozen=True)
class Reply:
    """A Function URL answer, taken apart. `headers` by lower-case names."""

    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.data)


Ask = Callable[..., Reply]


@pytest.fixture
def ask(http_event: HttpEvent, lambda_context: Any) -> Ask:
    """Send a request: ask("GET", "/config"), with the arguments of `http_event`."""

    def send(method: str, path: str, **request: Any) -> Reply:
        raw = api.handler(http_event(method, path, **request), lambda_context)
        json.dumps(raw)  # as Lambda does with it
        data = base64.b64decode(raw["body"]) if raw["isBase64Encoded"] else raw["body"].encode()
        return Reply(raw["statusCode"], {name.lower(): value for name, value in raw["headers"].items()}, data)

    return send


@pytest.fixture(autouse=True)
def service(tiny_service: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model behind an open door."""
    monkeypatch.setenv("AUTH_MODE", "none")
