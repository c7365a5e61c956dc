import base64
import contextlib
import http.client
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from pneumonia_cli.local.environment import export_settings
from pneumonia_cli.local.function_url import MAX_PAYLOAD_BYTES, FunctionUrl, build_response
from pneumonia_cli.local.functions import API_HANDLER, api_context
from pneumonia_cli.stack.settings import StackSettings
from tests.conftest import LoadEvent

Answer = tuple[int, http.client.HTTPMessage, bytes]


class Front:
    """A Function URL with a handler that keeps its events and returns what the test sets."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.answer: Any = {"statusCode": 200, "body": "ok"}
        self.url = ""

    def handler(self, event: dict[str, Any], context: Any) -> Any:
        assert event["requestContext"]["requestId"] == context.aws_request_id
        self.events.append(event)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def call(
        self,
        target: str = "/predict",
        method: str = "POST",
        body: Any = None,
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        chunked: bool = False,
    ) -> Answer:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=120)
        with contextlib.closing(connection):
            pairs = list(headers.items()) if isinstance(headers, dict) else list(headers or [])
            connection.putrequest(method, target)
            if chunked:
                pairs.append(("Transfer-Encoding", "chunked"))
            elif body is not None:
                pairs.append(("Content-Length", str(len(body))))
            for name, value in pairs:
                connection.putheader(name, value)
            connection.endheaders([body] if chunked else body, encode_chunked=chunked)
            response = connection.getresponse()
            return response.status, response.headers, response.read()


@pytest.fixture
def front(settings: StackSettings) -> Iterator[Front]:
    front = Front()
    with FunctionUrl(front.handler, api_context(settings)).running(0) as front.url:
        yield front


def shape(value: Any) -> Any:
    return {name: shape(member) for name, member in value.items()} if isinstance(value, dict) else type(value)


def test_events_have_the_shape_that_aws_gives_them(front: Front, load_event: LoadEvent) -> None:
    recorded = load_event("function_url_none")
    front.call(
        "/predict", body=b'{"image": ""}', headers={"Content-Type": "application/json", "User-Agent": "curl/8.11.0"}
    )
    (event,) = front.events
    assert event.keys() == recorded.keys()
    assert shape(event["requestContext"]) == shape(recorded["requestContext"])
    for name in ("version", "routeKey", "rawPath", "rawQueryString", "isBase64Encoded"):
        assert event[name] == recorded[name]
    for name in ("accountId", "routeKey", "stage"):
        assert event["requestContext"][name] == recorded["requestContext"][name]
    for name in ("method", "path", "protocol", "userAgent"):
        assert event["requestContext"]["http"][name] == recorded["requestContext"]["http"][name]
    assert event["headers"].keys() >= {"host", "content-type", "content-length", "user-agent", "x-forwarded-for"}
    assert event["body"] == '{"image": ""}'


def test_headers_are_lower_case_and_joined_without_cookies(front: Front) -> None:
    front.call(headers=[("X-Thing", "a"), ("X-Thing", "b"), ("Cookie", "one=1; two=2")])
    assert front.events[0]["headers"]["x-thing"] == "a,b"
    assert front.events[0]["cookies"] == ["one=1", "two=2"]
    assert "cookie" not in front.events[0]["headers"]


def test_query_and_path_are_kept_as_sent(front: Front) -> None:
    front.call("/a%20b?heatmap=true&x=1&x=%C3%BC&empty=", method="GET")
    (event,) = front.events
    assert event["rawPath"] == "/a%20b"
    assert event["rawQueryString"] == "heatmap=true&x=1&x=%C3%BC&empty="
    assert event["queryStringParameters"] == {"heatmap": "true", "x": "1,ü", "empty": ""}
    assert event["requestContext"]["http"]["method"] == "GET"


def test_an_absent_object_is_404_with_the_permission_to_list(front: Front) -> None:
    front.call(method="GET")
    assert front.events[0].keys().isdisjoint({"body", "cookies", "queryStringParameters"})
    assert front.events[0]["isBase64Encoded"] is False


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "text/plain", "application/xml", "Text/CSV"]
)
def test_text_bodies_are_passed_as_they_are(front: Front, content_type: str) -> None:
    front.call(body="ü".encode(), headers={"Content-Type": content_type})
    assert front.events[0]["body"] == "ü"
    assert front.events[0]["isBase64Encoded"] is False


@pytest.mark.parametrize(
    "content_type", ["image/png", "application/octet-stream", "application/x-www-form-urlencoded", None]
)
@pytest.mark.parametrize("chunked", [False, True])
def test_other_bodies_are_base64(front: Front, content_type: str | None, chunked: bool) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    front.call(body=b"\x89PNG\x00\xff", headers=headers, chunked=chunked)
    assert base64.b64decode(front.events[0]["body"]) == b"\x89PNG\x00\xff"
    assert front.events[0]["isBase64Encoded"] is True


@pytest.mark.parametrize("size", [MAX_PAYLOAD_BYTES * 3 // 4, MAX_PAYLOAD_BYTES + 1, 12_000_000])
def test_events_of_more_than_6_mb_never_reach_the_function(front: Front, size: int) -> None:
    status, headers, body = front.call(body=bytes(size), headers={"Content-Type": "image/png"})
    assert status == 413
    assert headers["Content-Type"] == "application/json"
    assert str(MAX_PAYLOAD_BYTES) in json.loads(body)["message"]
    assert front.events == []


def test_just_below_the_limit_goes_through(front: Front) -> None:
    status, _, _ = front.call(body=bytes(MAX_PAYLOAD_BYTES * 3 // 4 - 2000), headers={"Content-Type": "image/png"})
    assert status == 200


def test_answers_are_decoded(front: Front) -> None:
    front.answer = {
        "statusCode": 201,
        "headers": {"content-type": "image/png", "X-Other": "y", "Content-Length": "999"},
        "cookies": ["a=1; Secure", "b=2"],
        "body": base64.b64encode(b"\x89PNG\xff").decode(),
        "isBase64Encoded": True,
    }
    status, headers, body = front.call()
    assert (status, body) == (201, b"\x89PNG\xff")
    assert headers["Content-Type"] == "image/png"
    assert headers["X-Other"] == "y"
    assert headers.get_all("Set-Cookie") == ["a=1; Secure", "b=2"]


@pytest.mark.parametrize(("answer", "body"), [({"a": 1}, b'{"a": 1}'), ("hello", b"hello"), ([1], b"[1]")])
def test_an_answer_without_status_is_the_body_of_a_200(front: Front, answer: Any, body: bytes) -> None:
    front.answer = answer
    status, headers, got = front.call()
    assert (status, headers["Content-Type"], got) == (200, "application/json", body)


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("secret"),
        {"statusCode": "teapot"},
        {"statusCode": 42},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "body": "!", "isBase64Encoded": True},
        b"bytes are no JSON",
    ],
)
def test_an_invalid_return_value_is_a_502(front: Front, answer: Any) -> None:
    front.answer = answer
    status, _, body = front.call()
    assert status == 502
    assert json.loads(body) == {"message": "Internal Server Error"}


def test_an_answer_of_more_than_6_mb_is_a_502() -> None:
    assert build_response(json.dumps({"statusCode": 200, "body": "x" * MAX_PAYLOAD_BYTES})).status_code == 502


def test_calls_are_served_one_at_a_time(settings: StackSettings) -> None:
    inside, most = 0, 0
    gate = threading.Barrier(3, timeout=120)

    def handler(_event: Any, _context: Any) -> str:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        # Gives other calls time to enter while this one is running.
        threading.Event().wait(0.02)
        inside -= 1
        return "ok"

    def call() -> None:
        gate.wait()
        assert caller.call()[0] == 200

    caller = Front()
    with FunctionUrl(handler, api_context(settings)).running(0) as caller.url:
        threads = [threading.Thread(target=call) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == 1


def test_requests_are_logged(settings: StackSettings) -> None:
    told: list[tuple[str, str, int]] = []
    caller = Front()
    front = FunctionUrl(
        lambda _event, _context: {"statusCode": 404},
        api_context(settings),
        lambda method, path, status, _ms: told.append((method, path, status)),
    )
    with front.running(0) as caller.url:
        caller.call("/nothere?name=secret", method="GET")
    assert told == [("GET", "/nothere", 404)]


def test_the_real_handler_answers(
    settings: StackSettings, tiny_service: None, image_bytes: Callable[..., bytes]
) -> None:
    export_settings(settings, os.environ)
    caller = Front()
    with FunctionUrl(API_HANDLER, api_context(settings)).running(0) as caller.url:
        status, headers, body = caller.call(
            "/predict?heatmap=true", body=image_bytes(250), headers={"Content-Type": "image/png"}
        )
        assert status == 200
        assert headers["Content-Type"] == "application/json"
        answer = json.loads(body)
        assert answer["label"] == "pneumonia"
        assert base64.b64decode(answer["heatmap"]["data"]).startswith(b"\x89PNG")
        status, headers, body = caller.call(body=b"GIF89a", headers={"Content-Type": "image/gif"})
        assert status == 415
        assert headers["Content-Type"] == "application/problem+json"
        status, headers, _ = caller.call(method="GET")
        assert (status, headers["Allow"]) == (405, "OPTIONS, POST")
