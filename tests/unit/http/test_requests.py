import base64
import gzip
import json
from typing import Any

import pytest

from pneumonia.errors import MalformedRequest
from pneumonia.http.requests import Request, is_function_url_event, json_body
from tests.conftest import HttpEvent


def test_a_request_from_lambda(http_event: HttpEvent) -> None:
    event = http_event("post", "/predict", body=b"image", content_type="image/png", query="heatmap=true")
    request = Request(event, "id")
    assert (request.method, request.path, request.query("heatmap")) == ("POST", "/predict", "true")
    assert (request.body, request.is_base64) == (base64.b64encode(b"image").decode(), True)
    assert request.header("Content-Type") == "image/png"


@pytest.mark.parametrize("missing", [{}, {"headers": None, "queryStringParameters": None, "body": None}])
def test_missing_members_of_an_event_are_empty(missing: dict[str, Any]) -> None:
    request = Request(missing, "id")
    assert (request.body, request.is_base64, request.queries, request.query("x"), request.header("x")) == (
        None, False, {}, None, "",
    )  # fmt: skip


def test_headers_have_names_in_any_case() -> None:
    assert Request({"headers": {"AuthoriZation": "Bearer x"}}, "id").header("authorization") == "Bearer x"


@pytest.mark.parametrize("flag", ["true", 1, None])
def test_only_true_is_base64(flag: Any) -> None:
    assert Request({"isBase64Encoded": flag}, "id").is_base64 is False


@pytest.mark.parametrize("name", ["function_url_none", "function_url_iam"])
def test_function_url_events_are_recognised(load_event: Any, name: str) -> None:
    assert is_function_url_event(load_event(name))


@pytest.mark.parametrize("name", ["direct_invoke_url", "direct_invoke_image", "sqs_s3_put"])
def test_events_of_direct_invokes_are_not_function_url_events(load_event: Any, name: str) -> None:
    assert not is_function_url_event(load_event(name))


@pytest.mark.parametrize("event", [None, [], "rawPath requestContext", {"rawPath": "/"}])
def test_values_that_are_not_events(event: Any) -> None:
    assert not is_function_url_event(event)


@pytest.mark.parametrize("is_base64", [True, False])
def test_json_body(is_base64: bool) -> None:
    text = "\ufeff" + json.dumps({"content_type": "image/png"})
    body = base64.b64encode(text.encode()).decode() if is_base64 else text
    assert json_body(Request({"body": body, "isBase64Encoded": is_base64}, "id")) == {"content_type": "image/png"}


def test_json_body_in_gzip() -> None:
    body = base64.b64encode(gzip.compress(b'{"content_type": "image/png"}')).decode()
    headers = {"content-encoding": "gzip"}
    request = Request({"body": body, "isBase64Encoded": True, "headers": headers}, "id")
    assert json_body(request) == {"content_type": "image/png"}


@pytest.mark.parametrize(
    ("body", "is_base64"),
    [
        (None, False),
        ("", True),
        ("{", False),
        ("[]", False),
        ("null", False),
        ('"jane"', False),
        ("%%%", True),
        ("[" * 100_000, False),
        (base64.b64encode(b"\xff\xfe{}").decode(), True),
    ],
)
def test_invalid_json_bodies(body: str | None, is_base64: bool) -> None:
    with pytest.raises(MalformedRequest) as caught:
        json_body(Request({"body": body, "isBase64Encoded": is_base64}, "id"))
    assert "jane" not in caught.value.detail
