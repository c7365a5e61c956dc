import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from requests import Request

from pneumonia_cli.client.errors import UsageProblem
from pneumonia_cli.client.signing import Anonymous, Bearer, SigV4, checked_url, is_loopback, region_of

URL = "https://abc123.lambda-url.eu-central-1.on.aws"
KEYS = Credentials("AKIDEXAMPLE", "secret", "session-token")


def test_a_signature_equals_that_of_botocore_and_covers_the_body() -> None:
    def sign(body: bytes) -> dict[str, str]:
        request = Request("POST", f"{URL}/predict?heatmap=true", data=body, headers={"Content-Type": "image/png"})
        prepared = request.prepare()
        return dict(SigV4(KEYS, "eu-central-1")(prepared).headers)

    headers = sign(b"film")
    assert headers["X-Amz-Security-Token"] == "session-token"
    scope, signed, signature = headers["Authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", ")
    assert scope.endswith("/eu-central-1/lambda/aws4_request")
    assert signed == "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token"
    # Calculate the signature again from the request, as AWS does.
    auth = SigV4Auth(KEYS.get_frozen_credentials(), "lambda", "eu-central-1")
    arrived = AWSRequest("POST", f"{URL}/predict?heatmap=true", {"Content-Type": "image/png"}, b"film")
    arrived.context["timestamp"] = headers["X-Amz-Date"]
    arrived.headers["X-Amz-Date"] = headers["X-Amz-Date"]
    arrived.headers["X-Amz-Security-Token"] = "session-token"
    to_sign = auth.string_to_sign(arrived, auth.canonical_request(arrived))
    assert signature == f"Signature={auth.signature(to_sign, arrived)}"
    assert sign(b"other image")["Authorization"] != headers["Authorization"]


def test_a_token_is_sent_as_bearer() -> None:
    prepared = Request("GET", URL).prepare()
    assert Bearer("s3cret")(prepared).headers["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "ümlaut"])
def test_invalid_tokens_are_refused(token: str) -> None:
    with pytest.raises(UsageProblem, match="token"):
        Bearer(token)


def test_anonymous_requests_have_no_authorization_header() -> None:
    assert "Authorization" not in Anonymous()(Request("GET", URL).prepare()).headers


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (URL, "eu-central-1"),
        ("https://abc.lambda-url.cn-north-1.on.aws.cn/", "cn-north-1"),
        ("https://viewer.example.org", None),
        ("https://abc.lambda-url.eu-central-1.on.aws.evil.example", None),
        ("http://127.0.0.1:8000", None),
    ],
)
def test_the_region_is_read_from_a_function_url_only(url: str, region: str | None) -> None:
    assert region_of(url) == region


def test_urls_that_may_be_called() -> None:
    assert checked_url(f"{URL}/") == URL
    assert checked_url("http://localhost:8000") == "http://localhost:8000"
    assert is_loopback("http://localhost:8000")
    assert not is_loopback("http://localhost.evil.example")


@pytest.mark.parametrize(
    "url",
    [
        "http://viewer.example.org",
        "ftp://viewer.example.org",
        "viewer.example.org",
        "https://user:password@viewer.example.org",
        "https://viewer.example.org/?a=b",
        "https://",
    ],
)
def test_urls_that_must_not_be_called(url: str) -> None:
    with pytest.raises(UsageProblem):
        checked_url(url)
