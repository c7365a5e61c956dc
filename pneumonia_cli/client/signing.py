"""Authentication of requests: a SigV4 signature, or a token."""

import re
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from requests import PreparedRequest
from requests.auth import AuthBase

from pneumonia_cli.client.errors import UsageProblem

SERVICE = "lambda"
_FUNCTION_URL = re.compile(r"[a-z0-9-]+\.lambda-url\.([a-z0-9-]+)\.on\.aws(\.cn)?")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SigV4(AuthBase):
    """Signs each request with AWS credentials, as a Function URL with IAM authentication requires.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    """

    def __init__(self, credentials: Credentials, region: str) -> None:
        self._credentials = credentials
        self._region = region

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        # Botocore adds host, date and session token. Other headers except Content-Type are not signed, because a proxy
        # may change them.
        content_type = request.headers.get("Content-Type")
        headers = {"Content-Type": content_type} if content_type else {}
        to_sign = AWSRequest(method=request.method, url=request.url, data=request.body or b"", headers=headers)
        # Read the credentials for each request, because botocore renews temporary ones during a long command.
        SigV4Auth(self._credentials.get_frozen_credentials(), SERVICE, self._region).add_auth(to_sign)
        request.headers.update(dict(to_sign.headers.items()))
        return request


class Bearer(AuthBase):
    """Sends the token of a service whose setting `auth` is `token`."""

    def __init__(self, token: str) -> None:
        if not token.isascii() or not token.isprintable() or " " in token:
            raise UsageProblem("The token has invalid characters. Copy it again, without spaces and line breaks.")
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Anonymous(AuthBase):
    """Sends no credentials. Without an `auth`, the library requests would read ~/.netrc."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request


def region_of(url: str) -> str | None:
    """Return the region in the host name of a Function URL, or None for another URL."""
    match = _FUNCTION_URL.fullmatch(urlsplit(url).hostname or "")
    return match.group(1) if match else None


def is_loopback(url: str) -> bool:
    """Return whether the host is this machine."""
    return urlsplit(url).hostname in _LOOPBACK


def checked_url(url: str) -> str:
    """Return the base URL of a service, without a slash at the end. Raises UsageProblem.

    HTTP without TLS is accepted only for this machine. Elsewhere, images, tokens and results would be unencrypted.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UsageProblem(f"{url!r} is not the URL of a service. Use a URL such as https://….lambda-url.….on.aws/")
    if parts.username or parts.password:
        raise UsageProblem("The URL must not contain credentials. Use --token, or AWS credentials.")
    if parts.scheme == "http" and not is_loopback(url):
        raise UsageProblem("Only a service on this machine can be called without https. Use an https:// URL.")
    return url.rstrip("/")
