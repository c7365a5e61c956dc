"""Which requests a port of this machine answers: those of programs, and those of its own page.

Any web page can send requests to 127.0.0.1, and what this machine serves there asks for no password. So a request is
refused

- if its `Host` is not a name of this machine: DNS rebinding gives another site a name that leads here;
- if it is sent by a page of another origin (`Origin`, `Sec-Fetch-Site`): another site, or another port.

Programs (curl, boto3) send neither `Origin` nor `Sec-Fetch-Site`. Only browsers do, and a page cannot change them.
"""

import json
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pneumonia_cli.local.names import HOST

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Buckets have names below localhost (RFC 6761: they are always this machine).
_OWN_NAME = re.compile(r"127\.0\.0\.1|([a-z0-9.-]+\.)?localhost")

Admits = Callable[[str, str, str], bool]
"""Whether a page of this origin may send this method to this path, though it is not the port's own page."""


def nobody(_origin: str, _method: str, _path: str) -> bool:
    """Admits no other page."""
    return False


def origins_of(port: int) -> frozenset[str]:
    """The origins of a page that this port serves."""
    return frozenset(f"http://{name}:{port}" for name in (HOST, "localhost"))


def guarded(app: "WSGIApplication", port: int, admits: Admits = nobody, address: str = HOST) -> "WSGIApplication":
    """The application, for programs and its own page alone. `address`: the one it listens at."""

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        refused = refusal(environ, port, admits, address)
        if refused is None:
            return app(environ, start_response)
        status, code, detail = refused
        document: dict[str, Any] = {
            "type": f"urn:pneumonia:problem:{code}",
            "title": status.phrase,
            "status": int(status),
            "detail": detail,
            "code": code,
        }
        body = json.dumps(document).encode()
        headers = [("Content-Type", "application/problem+json"), ("Content-Length", str(len(body)))]
        start_response(f"{int(status)} {status.phrase}", [*headers, ("Connection", "close")])
        return [body]

    return respond


def refusal(
    environ: "WSGIEnvironment", port: int, admits: Admits = nobody, address: str = HOST
) -> tuple[HTTPStatus, str, str] | None:
    """Status, code and text for a request that gets no answer; None if it gets one."""
    host = str(environ.get("HTTP_HOST", ""))
    name, _, number = host.rpartition(":")
    if number != str(port) or not (name == address or _OWN_NAME.fullmatch(name)):
        return HTTPStatus.MISDIRECTED_REQUEST, "foreign_host", "This port answers to 127.0.0.1 and localhost only."
    foreign = HTTPStatus.FORBIDDEN, "foreign_origin", "This port answers to its own page only."
    method, path = str(environ.get("REQUEST_METHOD", "")), str(environ.get("PATH_INFO", ""))
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None:
        return None if origin == f"http://{host}" or admits(str(origin), method, path) else foreign
    site, mode = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_SEC_FETCH_MODE")
    # A link to it from elsewhere (a chat, a terminal in the browser) may be followed; nothing else.
    if site in (None, "same-origin", "none") or (mode == "navigate" and method == "GET"):
        return None
    return foreign
