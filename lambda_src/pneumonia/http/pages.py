"""GET / and /page/*: the page for a browser, small static files that lie in `pneumonia/page`."""

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pneumonia.errors import NotFound
from pneumonia.http.requests import Request
from pneumonia.http.responses import Headers, Response
from pneumonia.settings import process_settings

FOLDER = Path(__file__).resolve().parent.parent / "page"
INDEX = "index.html"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}
"""All of it text: bytes would travel as base64."""


@dataclass(frozen=True)
class StaticFile:
    """One file of the page. `etag` is of its content, in quotes as HTTP has it."""

    content: str
    content_type: str
    etag: str


def index(request: Request) -> Response:
    """The page itself."""
    return _serve(request, INDEX)


def page_file(request: Request) -> Response:
    """A script, a style sheet or an image of the page."""
    return _serve(request, request.parameters["name"])


@functools.cache
def page_files(folder: Path = FOLDER) -> Mapping[str, StaticFile]:
    """All files of the page by name, read at the first request for one: predictions need none of them."""
    return {path.name: _load(path) for path in sorted(folder.iterdir()) if path.suffix in _TYPES}


def security_headers(upload_origin: str | None) -> dict[str, str]:
    """What a browser must not do with the page. It may talk to its own origin, and to the bucket's for uploads."""
    policy = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        " ".join(filter(None, ("connect-src 'self'", upload_origin))),
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }


def _serve(request: Request, name: str) -> Response:
    # Looked up among the files there are: no path of a request ever reaches the file system.
    found = page_files().get(name)
    if found is None:
        raise NotFound("The page has no such file.")
    headers: Headers = {
        **security_headers(process_settings().upload_origin),
        # Kept, but asked about each time: a new version is there with the next visit.
        "Cache-Control": "no-cache",
        "ETag": found.etag,
    }
    # Proxies that compress mark a tag as weak (W/); for GET that compares the same (RFC 9110, section 13.1.2).
    asked = {tag.strip().removeprefix("W/") for tag in request.header("if-none-match").split(",")}
    if asked & {found.etag, "*"}:
        return Response(304, found.content_type, "", headers)
    return Response(200, found.content_type, found.content, headers)


def _load(path: Path) -> StaticFile:
    content = path.read_text(encoding="utf-8")
    digest = hashlib.sha256(content.encode()).hexdigest()
    return StaticFile(content, _TYPES[path.suffix], f'"{digest[:32]}"')
