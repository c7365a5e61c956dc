"""Only signatures that the client makes are accepted."""

import hashlib
from typing import Any

import pytest
import requests
from botocore.credentials import Credentials

from pneumonia_cli.client.signing import SigV4
from rehearsal.signatures import is_signed

CREDENTIALS = Credentials("testing", "secret")
URL = "http://127.0.0.1:8080/predict?heatmap=true"
BODY = b"\x89PNG image"


def signed(credentials: Credentials = CREDENTIALS) -> tuple[str, str, dict[str, str], bytes]:
    request = requests.Request("POST", URL, data=BODY, headers={"Content-Type": "image/png"}).prepare()
    SigV4(credentials, "us-east-1")(request)
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    return "POST", URL, {**headers, "host": "127.0.0.1:8080"}, BODY


def test_accepts_signatures_of_the_client() -> None:
    assert is_signed(*signed(), CREDENTIALS)


def test_accepts_temporary_credentials() -> None:
    assert is_signed(*signed(Credentials("testing", "secret", "session")), CREDENTIALS)


def test_unsigned_headers_may_be_added() -> None:
    method, url, headers, body = signed()
    assert is_signed(method, url, {**headers, "x-forwarded-for": "203.0.113.17"}, body, CREDENTIALS)


@pytest.mark.parametrize(
    "credentials", [Credentials("testing", "another"), Credentials("another", "secret")], ids=["secret", "key"]
)
def test_refuses_the_credentials_of_others(credentials: Credentials) -> None:
    assert not is_signed(*signed(credentials), CREDENTIALS)


@pytest.mark.parametrize(
    ("part", "value"), [(0, "GET"), (1, URL.replace("true", "false")), (1, URL.replace("predict", "model"))]
)
def test_refuses_a_changed_request(part: int, value: str) -> None:
    request: list[Any] = list(signed())
    request[part] = value
    method, url, headers, body = request
    assert not is_signed(method, url, headers, body, CREDENTIALS)


def test_refuses_another_body() -> None:
    method, url, headers, body = signed()
    assert not is_signed(method, url, headers, b"another", CREDENTIALS)
    told = {**headers, "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
    assert not is_signed(method, url, told, b"another", CREDENTIALS)


@pytest.mark.parametrize("value", [None, "", "Bearer token", "AWS4-HMAC-SHA256 Credential=testing"])
def test_refuses_invalid_signatures(value: str | None) -> None:
    method, url, headers, body = signed()
    del headers["authorization"]
    others = {} if value is None else {"authorization": value}
    assert not is_signed(method, url, {**headers, **others}, body, CREDENTIALS)
