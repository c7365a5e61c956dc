import base64
import json
from datetime import datetime
from typing import Any

import boto3
import pytest

from pneumonia.uploads.presign import presigned_post


@pytest.fixture(autouse=True)
def configured(aws_credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials of its first user


def policy(post: dict[str, Any]) -> list[Any]:
    conditions: list[Any] = json.loads(base64.b64decode(post["fields"]["policy"]))["conditions"]
    return conditions


def test_only_this_key_this_type_and_this_size() -> None:
    post = presigned_post("uploads", "api/1", "image/png", 2_000, 600)
    assert (post["fields"]["key"], post["fields"]["Content-Type"]) == ("api/1", "image/png")
    conditions = policy(post)
    assert {"bucket": "uploads"} in conditions
    assert {"key": "api/1"} in conditions
    assert {"Content-Type": "image/png"} in conditions
    assert ["content-length-range", 1, 2_000] in conditions
    # The policy leaves nothing open: S3 refuses fields that it does not name.
    assert not [condition for condition in conditions if isinstance(condition, list) and "starts-with" in condition]


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "uploads.s3.eu-central-1.amazonaws.com"),
        ("us-east-1", "uploads.s3.us-east-1.amazonaws.com"),
        ("cn-north-1", "uploads.s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_the_url_is_regional_so_no_browser_is_redirected(
    monkeypatch: pytest.MonkeyPatch, region: str, host: str
) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    post = presigned_post("uploads", "api/1", "image/png", 2_000, 600)
    assert post["url"] == f"https://{host}/"
    assert f"/{region}/s3/aws4_request" in post["fields"]["x-amz-credential"]


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_a_custom_endpoint_is_used_unchanged(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://localhost:8001")
    assert presigned_post("uploads", "api/1", "image/png", 1, 60)["url"] == "http://localhost:8001/uploads"


def test_the_session_token_of_a_role_is_included() -> None:
    assert presigned_post("uploads", "api/1", "image/png", 1, 60)["fields"]["x-amz-security-token"] == "testing"


def test_the_expiry_is_as_requested() -> None:
    post = presigned_post("uploads", "api/1", "image/png", 1, 90)
    document = json.loads(base64.b64decode(post["fields"]["policy"]))
    life = datetime.fromisoformat(document["expiration"]) - datetime.fromisoformat(post["fields"]["x-amz-date"])
    assert abs(life.total_seconds() - 90) < 30  # from two readings of the clock
