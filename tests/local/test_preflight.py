from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from pneumonia_cli.local.function_url import FunctionUrl
from pneumonia_cli.local.functions import api_context
from pneumonia_cli.local.preflight import answer_preflight
from pneumonia_cli.stack.cors import HEADERS, METHODS, Cors, cors_of
from pneumonia_cli.stack.settings import StackSettings

WARD, OTHER = "https://ward.example.org", "https://other.example.org"


class Front:
    """A Function URL whose handler records the methods that reach it."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.url = ""

    def handler(self, event: dict[str, object], _context: object) -> dict[str, object]:
        http = event["requestContext"]["http"]  # type: ignore[index]
        self.reached.append(http["method"])
        return {"statusCode": 200, "headers": {"X-Own": "y"}, "body": "ok"}

    def ask(self, method: str, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.request(method, f"{self.url}/predict", headers=named, timeout=120)


@pytest.fixture
def front(settings: StackSettings) -> Iterator[Front]:
    """A Function URL that allows the pages of the ward to call."""
    found = Front()
    cors = cors_of(replace(settings, cors_origins=(WARD,)))
    with FunctionUrl(found.handler, api_context(settings), cors=cors).running(0) as found.url:
        yield found


def test_a_preflight_request_is_answered_before_the_function(front: Front) -> None:
    reply = front.ask("OPTIONS", Origin=WARD, Access_Control_Request_Method="POST")
    assert (reply.status_code, reply.content, front.reached) == (200, b"", [])
    assert reply.headers["Access-Control-Allow-Origin"] == WARD
    assert reply.headers["Access-Control-Allow-Methods"] == ",".join(METHODS)
    assert reply.headers["Access-Control-Allow-Headers"] == ",".join(HEADERS)
    assert reply.headers["Access-Control-Max-Age"] == "3600"
    assert reply.headers["Vary"] == "Origin"


def test_another_origin_gets_no_cors_headers(front: Front) -> None:
    # On this machine the port refuses the request. At AWS the browser refuses it, since the header is missing.
    reply = front.ask("OPTIONS", Origin=OTHER, Access_Control_Request_Method="POST")
    assert (reply.status_code, front.reached) == (403, [])
    request = Request(EnvironBuilder("/predict", method="OPTIONS", headers=[("Origin", OTHER)]).get_environ())
    for headers in (reply.headers, answer_preflight(request, Cors((WARD,))).headers):
        assert not [name for name, _ in headers.items() if name.lower().startswith("access-control")]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_pages_of_the_origin_may_read_the_answer(front: Front, method: str) -> None:
    reply = front.ask(method, Origin=WARD)
    assert (reply.headers["X-Own"], reply.headers["Access-Control-Allow-Origin"]) == ("y", WARD)
    assert "location" in reply.headers["Access-Control-Expose-Headers"]
    assert front.ask(method, Origin=OTHER).status_code == 403
    assert "Access-Control-Allow-Origin" not in front.ask(method).headers


def test_options_without_preflight_headers_reaches_the_function(front: Front) -> None:
    front.ask("OPTIONS")
    front.ask("OPTIONS", Origin=WARD)
    assert front.reached == ["OPTIONS", "OPTIONS"]


def test_without_other_origins_there_are_no_cors_headers(settings: StackSettings) -> None:
    found = Front()
    with FunctionUrl(found.handler, api_context(settings), cors=cors_of(settings)).running(0) as found.url:
        replies = [found.ask("OPTIONS", Access_Control_Request_Method="POST"), found.ask("OPTIONS", Origin=found.url)]
        assert found.ask("POST", Origin=WARD).status_code == 403
    assert found.reached == ["OPTIONS", "OPTIONS"]
    assert not {"access-control-allow-origin", "vary"} & {name.lower() for reply in replies for name in reply.headers}
