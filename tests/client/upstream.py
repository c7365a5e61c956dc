"""A service with prepared answers that records its requests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request, Response

from pneumonia_cli.local.names import HOST
from pneumonia_cli.local.wsgi_server import running


@dataclass
class Asked:
    """One request that the service received."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Upstream:
    """A service with `answers` by path: one Response, or a list for successive requests. Other paths get 404."""

    url: str = ""
    answers: dict[str, Response | list[Response]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def respond(self, request: Request) -> Response:
        target = str(request.environ["RAW_URI"])
        self.asked.append(Asked(request.method, target, dict(request.headers.items()), request.get_data()))
        found = self.answers.get(request.path)
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found or answer({"code": "not_found"}, 404)


@contextmanager
def upstream() -> Iterator[Upstream]:
    """Run an Upstream on 127.0.0.1."""
    server = Upstream()
    with running(Request.application(server.respond), 0) as port:
        server.url = f"http://{HOST}:{port}"
        yield server


def answer(document: Any, status: int = 200, **headers: str) -> Response:
    """Return a JSON answer. `Retry_After="2"` sets a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(document), status, named, content_type="application/json")
