"""The page on 127.0.0.1: passes requests of one browser on to the service, with the user's credentials.

Whoever can speak to it acts as the user. So it answers only

- to its own page, under its own name (local/own_pages.py), as every port of this machine that we serve;
- to the browser that was given the key: other users and programs of this machine can reach 127.0.0.1 too.

The page sends large images to S3 by itself, to a place the service names. That place is replaced by one of
ours, so that the bucket need not allow this origin.
"""

import hmac
import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from werkzeug.wrappers import Request, Response

from pneumonia_cli.client.errors import CliError
from pneumonia_cli.client.service import Service
from pneumonia_cli.client.signing import is_loopback

KEY_PARAMETER = "key"
UPLOAD_PATH = "/_upload/"
MAX_BODY_BYTES = 6 * 1024 * 1024  # as Lambda
MAX_UPLOAD_BYTES = 1024 * 1024 * 1024  # S3 knows the real limit: it is in the signed form

_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
# What the service has a use for; cookies and credentials of the browser stay here.
_REQUEST_HEADERS = ("Accept", "Accept-Language", "Content-Type", "If-None-Match")
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
    """A WSGI application (`respond`) in front of a service. `port` is the one it will be reached at."""

    def __init__(self, service: Service, *, key: str | None = None) -> None:
        self.key = key or secrets.token_urlsafe(32)
        self._service = service
        self._uploads: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def respond(self, request: Request) -> Response:
        """Answer one request of the browser."""
        port = int(request.environ["SERVER_PORT"])
        cookie = f"pneumonia-console-{port}"  # cookies do not tell ports apart: two consoles must
        if KEY_PARAMETER in request.args:
            return self._enter(request, cookie)
        if not hmac.compare_digest(request.cookies.get(cookie, "").encode(), self.key.encode()):
            return _problem(
                HTTPStatus.UNAUTHORIZED, "unauthorized", "Open the address that `pneumonia console` has printed."
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

    def _enter(self, request: Request, cookie: str) -> Response:
        """Trade the key in the address for a cookie, so that it stays in no history and no Referer."""
        if not hmac.compare_digest(request.args[KEY_PARAMETER].encode(), self.key.encode()):
            return _problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "The key is that of another console.")
        response = Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/", "Referrer-Policy": "no-referrer"})
        response.set_cookie(cookie, self.key, httponly=True, samesite="Strict")
        return response

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
            # Nobody has to ask the user for a token here.
            return _edited(answer.content, lambda document: document.update(auth="none"))
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
