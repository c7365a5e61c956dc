"""Accept only requests from programs and from the page that a port serves.

Any web page can send requests to 127.0.0.1, and the servers on this machine ask for no password. A request is refused

- if its `Host` is not a name of this machine, since DNS rebinding can point any name to this machine;
- if it comes from a page of another origin, which is another site or another port (`Origin`, `Sec-Fetch-Site`).

Programs (curl, boto3) send neither `Origin` nor `Sec-Fetch-Site`. Browsers send them, and a page cannot change them.
"""

import json
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pneumonia_cli.local.names import HOST

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Buckets have host names below localhost, and these always mean this machine (RFC 6761).
_OWN_NAME = re.compile(r"127\.0\.0\.1|([a-z0-9.-]+\.)?localhost")

Admits = Callable[[str, str, str], bool]
"""Called with origin, method and path. Returns whether a page that this port does not serve may send the request."""


def nobody(_origin: str, _method: str, _path: str) -> bool:
    """Admit no other page."""
    return False


def origins_of(port: int) -> frozenset[str]:
    """Return the origins of a page that this port serves."""
    return frozenset(f"http://{name}:{port}" for name in (HOST, "localhost"))


def guarded(app: "WSGIApplication", port: int, admits: Admits = nobody, address: str = HOST) -> "WSGIApplication":
    """Wrap an application to accept only programs and its own page. `address`: where it listens."""

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
    """Return status, code and text for a request to refuse, or None for a request to answer."""
    host = str(environ.get("HTTP_HOST", ""))
    name, _, number = host.rpartition(":")
    if number != str(port) or not (name == address or _OWN_NAME.fullmatch(name)):
        detail = "The Host header does not name this server. Use 127.0.0.1 or localhost, with its port."
        return HTTPStatus.MISDIRECTED_REQUEST, "foreign_host", detail
    detail = "A page of another origin sent the request. This port accepts only its own page and programs."
    foreign = HTTPStatus.FORBIDDEN, "foreign_origin", detail
    method, path = str(environ.get("REQUEST_METHOD", "")), str(environ.get("PATH_INFO", ""))
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None:
        return None if origin == f"http://{host}" or admits(str(origin), method, path) else foreign
    site, mode = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_SEC_FETCH_MODE")
    # A user may follow a link from another site, such as a chat or a terminal in the browser.
    if site in (None, "same-origin", "none") or (mode == "navigate" and method == "GET"):
        return None
    return foreign
