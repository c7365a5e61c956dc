"""A proxy on 127.0.0.1 that sends the requests of one browser to the service with the user's credentials.

Anyone who can reach the proxy acts as the user. Therefore the proxy only answers requests

- to a host name of this machine and not from a page of another origin, as on every port that these commands open
  (local/own_pages.py);
- from the browser tab that has the key, because other users and programs of this machine can also reach 127.0.0.1. The
  terminal shows a one-time code, which the page exchanges for the key. The page stores the key in its sessionStorage
  and sends it as a bearer token. The key is not a cookie, because a cookie would be sent to every port of the machine.
  The key is not in the URL, because a URL is visible in the list of processes.

As in a deployment with auth `token`, some paths need no key: the page (`/`, `/page/`), the documents that it links to
(`/docs`, `/model-card`, `/openapi.json`), and `/config`, which makes the page ask for the code. An upload needs no key
either: its URL has a random name that only the page knows.

The page uploads large images directly to S3, to a URL from the service. The proxy replaces this URL with its own, so
that the bucket does not need to allow the origin of the proxy.
"""

import base64
import hmac
import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from werkzeug.wrappers import Request, Response

from pneumonia_cli.client.errors import CliError
from pneumonia_cli.client.service import Service
from pneumonia_cli.client.signing import is_loopback

SESSION_PATH = "/_session"
UPLOAD_PATH = "/_upload/"
MAX_BODY_BYTES = 6 * 1024 * 1024  # the limit of Lambda
MAX_UPLOAD_BYTES = 1024 * 1024 * 1024  # S3 enforces the real limit, which is in the signed form

_OPEN_PATHS = ("/", "/config", "/docs", "/model-card", "/openapi.json")
_OPEN_FOLDER = "/page/"
_MAX_CODE_BYTES = 1000

_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
# The headers that the service uses. Cookies and credentials of the browser are not sent.
_REQUEST_HEADERS = ("Accept", "Accept-Language", "Content-Encoding", "Content-Type", "If-None-Match")
_RESPONSE_HEADERS = frozenset(
    {
        "allow",
        "cache-control",
        "content-disposition",
        "content-security-policy",
        "content-type",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "etag",
        "permissions-policy",
        "referrer-policy",
        "retry-after",
        "vary",
        "x-content-type-options",
        "x-frame-options",
    }
)
_KEPT_UPLOADS = 1000
_UPLOAD_TIMEOUT = (10, 300)


class Proxy:
    """A WSGI application (`respond`) in front of a service.

    `code`: the one-time code that the next page must send. `on_code` is called with each later code.
    """

    def __init__(self, service: Service, *, on_code: Callable[[str], None] = lambda code: None) -> None:
        self.code = _new_code()
        self._key = secrets.token_urlsafe(32)
        self._on_code = on_code
        self._service = service
        self._uploads: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def respond(self, request: Request) -> Response:
        """Answer one request of the browser."""
        if request.path == SESSION_PATH and request.method == "POST":
            return self._enter(request)
        if not (self._is_open(request) or self._has_key(request)):
            return _problem(
                HTTPStatus.UNAUTHORIZED, "unauthorized", "Enter the code that `pneumonia console` printed in the page."
            )
        if request.method not in _METHODS:
            return _problem(
                HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "The console does not forward this method."
            )
        try:
            if request.path.startswith(UPLOAD_PATH):
                return self._upload(request)
            return self._pass_on(request)
        except CliError as error:
            return _problem(HTTPStatus.BAD_GATEWAY, error.code, str(error))

    def _is_open(self, request: Request) -> bool:
        if request.path.startswith(UPLOAD_PATH):
            return True
        reads = request.method in ("GET", "HEAD")
        return reads and (request.path in _OPEN_PATHS or request.path.startswith(_OPEN_FOLDER))

    def _has_key(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._key.encode())

    def _enter(self, request: Request) -> Response:
        """Return the key for the code, which can be used only once."""
        try:
            given = str(json.loads(request.stream.read(_MAX_CODE_BYTES))["code"])
        except (ValueError, KeyError, TypeError):
            return _problem(HTTPStatus.BAD_REQUEST, "malformed_request", 'Send {"code": "<code>"} as JSON.')
        with self._lock:
            right = hmac.compare_digest(_bare(given).encode(), _bare(self.code).encode())
            if right:
                self.code = _new_code()
        if not right:
            return _problem(
                HTTPStatus.UNAUTHORIZED, "unauthorized", "The code was already used, or belongs to another console."
            )
        self._on_code(self.code)
        return Response(
            json.dumps({"key": self._key}), content_type="application/json", headers={"Cache-Control": "no-store"}
        )

    def _pass_on(self, request: Request) -> Response:
        body = request.stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "The request is too large.")
        headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
        # requests would decompress a compressed body, which would then no longer match its Content-Encoding.
        headers["Accept-Encoding"] = "identity"
        raw_path = str(request.environ.get("RAW_URI") or request.full_path)
        if not raw_path.startswith("/"):  # an absolute URL, which only a client of a forward proxy sends
            return _problem(
                HTTPStatus.BAD_REQUEST, "malformed_request", "The console does not forward requests to other hosts."
            )
        answer = self._service.send(request.method, raw_path, body=body or None, headers=headers)
        content = self._rewritten(request, answer)
        response = Response(content, answer.status_code)
        del response.headers["Content-Type"]
        for name, value in answer.headers.items():
            if name.lower() in _RESPONSE_HEADERS:
                response.headers[name] = value
        return response

    def _rewritten(self, request: Request, answer: requests.Response) -> bytes:
        """Return the body, with the authentication and the upload URL of the proxy instead of the service's."""
        if request.path == "/config" and answer.status_code == HTTPStatus.OK:
            # The console authenticates to the service, and asks the page only for its own code.
            return _edited(answer.content, lambda document: document.update(auth="console"))
        if request.path == "/uploads" and answer.status_code == HTTPStatus.CREATED:
            return _edited(answer.content, lambda document: self._replace_upload(document, request.host_url))
        return bytes(answer.content)

    def _replace_upload(self, document: dict[str, Any], host_url: str) -> None:
        upload = document["upload"]
        url = str(upload["url"])
        if urlsplit(url).scheme != "https" and not is_loopback(url):
            raise ValueError("images are only sent encrypted")
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._uploads[name] = url
            while len(self._uploads) > _KEPT_UPLOADS:
                self._uploads.popitem(last=False)
        upload["url"] = f"{host_url.rstrip('/')}{UPLOAD_PATH}{name}"

    def _upload(self, request: Request) -> Response:
        """Forward a form to S3 unchanged. The form is signed, so the user's credentials are not sent."""
        with self._lock:
            url = self._uploads.get(request.path.removeprefix(UPLOAD_PATH))
        if url is None or request.method != "POST":
            return _problem(HTTPStatus.NOT_FOUND, "not_found", "This upload does not exist. Start the upload again.")
        length = request.content_length
        if length is None or length > MAX_UPLOAD_BYTES:
            return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "The upload is too large.")
        try:
            answer = requests.post(
                url,
                data=_Sized(request.stream, length),
                headers={"Content-Type": request.headers.get("Content-Type", "")},
                timeout=_UPLOAD_TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException:
            return _problem(HTTPStatus.BAD_GATEWAY, "network", "The upload failed. Try again.")
        # The answer of S3 is not returned: it is XML with bucket names and keys.
        return Response(status=answer.status_code if answer.status_code >= 400 else HTTPStatus.NO_CONTENT)


class _Sized:
    """A stream of known length. requests sends this length as Content-Length, which S3 requires."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream = stream
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(64 * 1024):
            yield chunk

    def read(self, size: int = -1) -> bytes:
        return bytes(self._stream.read(size))


def _new_code() -> str:
    """Return 80 random bits as four groups of letters and digits that are easy to type."""
    text = base64.b32encode(secrets.token_bytes(10)).decode("ascii").lower()
    return "-".join(text[place : place + 4] for place in range(0, 16, 4))


def _bare(code: str) -> str:
    return "".join(letter for letter in code.lower() if letter.isalnum())


def _edited(content: bytes, edit: Any) -> bytes:
    try:
        document = json.loads(content)
        edit(document)
    except (ValueError, KeyError, TypeError, AttributeError):
        return content  # an unknown format, which the page reports
    return json.dumps(document).encode()


def _problem(status: HTTPStatus, code: str, detail: str) -> Response:
    document: Mapping[str, Any] = {
        "type": f"urn:pneumonia:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
    }
    return Response(json.dumps(document), status, content_type="application/problem+json")
