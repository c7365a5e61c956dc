import base64
from typing import Any

import pytest

from pneumonia.http.responses import Answer, Request, json_answer
from tests.conftest import HttpEvent


def test_a_request_as_lambda_sends_it(http_event: HttpEvent) -> None:
    event = http_event("post", "/predict", body=b"film", content_type="image/png", query="heatmap=true")
    request = Request(event, "id")
    assert (request.method, request.path, request.query("heatmap")) == ("POST", "/predict", "true")
    assert (request.body, request.is_base64) == (base64.b64encode(b"film").decode(), True)
    assert request.header("Content-Type") == "image/png"


@pytest.mark.parametrize("missing", [{}, {"headers": None, "queryStringParameters": None, "body": None}])
def test_what_an_event_lacks_is_empty(missing: dict[str, Any]) -> None:
    request = Request(missing, "id")
    assert (request.body, request.is_base64, request.queries, request.query("x"), request.header("x")) == (
        None, False, {}, None, "",
    )  # fmt: skip


def test_headers_have_names_in_any_case() -> None:
    assert Request({"headers": {"AuthoriZation": "Bearer x"}}, "id").header("authorization") == "Bearer x"


@pytest.mark.parametrize("flag", ["true", 1, None])
def test_only_true_is_base64(flag: Any) -> None:
    assert Request({"isBase64Encoded": flag}, "id").is_base64 is False


def test_text_goes_back_as_it_is_and_bytes_as_base64() -> None:
    assert json_answer({"a": 1}).to_lambda() == {
        "statusCode": 200,
        "headers": {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
        "body": '{"a": 1}',
        "isBase64Encoded": False,
    }
    raw = Answer(200, "image/png", b"\x89PNG").to_lambda()
    assert (base64.b64decode(raw["body"]), raw["isBase64Encoded"]) == (b"\x89PNG", True)
    assert raw["headers"] == {"Content-Type": "image/png"}
