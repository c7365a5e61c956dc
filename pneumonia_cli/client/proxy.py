"""The page on 127.0.0.1: passes requests of one browser on to the service, with the user's credentials.

Whoever can speak to it acts as the user. So it answers only

- to its own page, under its own name (local/own_pages.py), as every port of this machine that we serve;
- to the tab that has the key: other users and programs of this machine can reach 127.0.0.1 too. The page gets the key
  for a one-time code that is shown in the terminal, keeps it in its sessionStorage, and sends it as a bearer token. A
  cookie would be sent to every port of the machine, and an address is seen in the list of processes.

The page itself (`/`, `/page/`), the documents that it links to (`/docs`, `/model-card`, `/openapi.json`) and `/config`,
which tells it to ask for the code, need no key, as in a deployment with auth `token`. An upload needs none either: its
address has a random name that only the page was told.

The page sends large images to S3 by itself, to a place the service names. That place is replaced by one of
ours, so that the bucket need not allow this origin.
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
MAX_BODY_BYTES = 6 * 1024 * 1024  # as Lambda
MAX_UPLOAD_BYTES = 1024 * 1024 * 1024  # S3 knows the real limit: it is in the signed form

_OPEN_PATHS = ("/", "/config", "/docs", "/model-card", "/openapi.json")
_OPEN_FOLDER = "/page/"
_MAX_CODE_BYTES = 1000

_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
# What the service has a use for; cookies and credentials of the browser stay here.
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

    `code`: the one-time code that a page is to give next. `on_code` is told of each later one.
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
                HTTPStatus.UNAUTHORIZED, "unauthorized", "Give the page the code that `pneumonia console` has printed."
            )
        if request.method not in _METHODS:
            return _problem(
                HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "The console passes this on to nobody."
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
        """Give the key for the code, which is spent with it."""
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
                HTTPStatus.UNAUTHORIZED, "unauthorized", "The code was used before, or is of another console."
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
        # Else the body would be unpacked on the way, and no longer what Content-Encoding says.
        headers["Accept-Encoding"] = "identity"
        raw_path = str(request.environ.get("RAW_URI") or request.full_path)
        if not raw_path.startswith("/"):  # an absolute address: only a client that wants a proxy sends one
            return _problem(HTTPStatus.BAD_REQUEST, "malformed_request", "The console is no proxy for other places.")
        answer = self._service.send(request.method, raw_path, body=body or None, headers=headers)
        content = self._rewritten(request, answer)
        response = Response(content, answer.status_code)
        del response.headers["Content-Type"]
        for name, value in answer.headers.items():
            if name.lower() in _RESPONSE_HEADERS:
                response.headers[name] = value
        return response

    def _rewritten(self, request: Request, answer: requests.Response) -> bytes:
        """The body, but for two answers that speak of how the service is entered."""
        if request.path == "/config" and answer.status_code == HTTPStatus.OK:
            # Whatever the service asks for, the console has it; it asks for its own code.
            return _edited(answer.content, lambda document: document.update(auth="console"))
        if request.path == "/uploads" and answer.status_code == HTTPStatus.CREATED:
            return _edited(answer.content, lambda document: self._replace_upload(document, request.host_url))
        return bytes(answer.content)

    def _replace_upload(self, document: dict[str, Any], host_url: str) -> None:
        upload = document["upload"]
        url = str(upload["url"])
        if urlsplit(url).scheme != "https" and not is_loopback(url):
            raise ValueError("films are sent encrypted only")
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._uploads[name] = url
            while len(self._uploads) > _KEPT_UPLOADS:
                self._uploads.popitem(last=False)
        upload["url"] = f"{host_url.rstrip('/')}{UPLOAD_PATH}{name}"

    def _upload(self, request: Request) -> Response:
        """Pass a form on to S3 as it comes, without the user's credentials: the form holds its own."""
        with self._lock:
            url = self._uploads.get(request.path.removeprefix(UPLOAD_PATH))
        if url is None or request.method != "POST":
            return _problem(HTTPStatus.NOT_FOUND, "not_found", "There is no such upload. Start it again.")
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
            return _problem(HTTPStatus.BAD_GATEWAY, "network", "The upload did not come through. Try it again.")
        # Nothing of S3's own answer: it is XML with names of buckets and keys.
        return Response(status=answer.status_code if answer.status_code >= 400 else HTTPStatus.NO_CONTENT)


class _Sized:
    """A stream of known length, so that it is sent with Content-Length: S3 takes no other form."""

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
    """80 bits, in four groups of letters and digits that are easy to type."""
    text = base64.b32encode(secrets.token_bytes(10)).decode("ascii").lower()
    return "-".join(text[place : place + 4] for place in range(0, 16, 4))


def _bare(code: str) -> str:
    return "".join(letter for letter in code.lower() if letter.isalnum())


def _edited(content: bytes, edit: Any) -> bytes:
    try:
        document = json.loads(content)
        edit(document)
    except (ValueError, KeyError, TypeError, AttributeError):
        return content  # not what we know: the page will say so
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
