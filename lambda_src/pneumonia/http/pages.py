"""GET / and /page/*: the page for browsers, built from the files in `pneumonia/page`.

GET / returns the whole page as one document. /page/* returns its source files, for reading and tests. `documents.py`
serves the other documents in the same way.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pneumonia.errors import NotFound
from pneumonia.http.one_page import INDEX, PICTURE_TYPES, OnePage, assemble
from pneumonia.http.requests import Request
from pneumonia.http.responses import Headers, Response
from pneumonia.settings import process_settings

FOLDER = Path(__file__).resolve().parent.parent / "page"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": f"{PICTURE_TYPES['.svg']}; charset=utf-8",
    ".jpg": PICTURE_TYPES[".jpg"],
}

_NO_FILE = "The page has no such file. Load the page again."


@dataclass(frozen=True)
class StaticFile:
    """One file of the page. `etag` identifies the content, in quotes as in HTTP."""

    content: str | bytes
    content_type: str
    etag: str


def index(request: Request) -> Response:
    """Return the page."""
    page = one_page()
    if page is None:
        raise NotFound(_NO_FILE)
    return serve(request, html_file(page.html), security_headers(process_settings().upload_origin))


def page_file(request: Request) -> Response:
    """Return a script, a style sheet or a picture of the page."""
    # Only known files are looked up, so no path from a request reaches the file system.
    found = page_files().get(request.parameters["name"])
    if found is None:
        raise NotFound(_NO_FILE)
    return serve(request, found, security_headers(process_settings().upload_origin))


@functools.cache
def one_page(folder: Path = FOLDER) -> OnePage | None:
    """Return the page as one document, assembled at the first request; None if the page is not installed."""
    return assemble(folder) if (folder / INDEX).is_file() else None


@functools.cache
def page_files(folder: Path = FOLDER) -> Mapping[str, StaticFile]:
    """Return all files of the page by name.

    They are read at the first request, because predictions do not need them.
    """
    return {
        path.name: static_file(_content(path), _TYPES[path.suffix])
        for path in sorted(folder.iterdir())
        if path.suffix in _TYPES
    }


def _content(path: Path) -> str | bytes:
    return path.read_bytes() if path.suffix == ".jpg" else path.read_text(encoding="utf-8")


def static_file(content: str | bytes, content_type: str) -> StaticFile:
    """Return a file with the ETag of its content."""
    # Imported here, because it loads OpenSSL: 7 MB that most starts do not need (docs/performance.md).
    import hashlib

    digest = hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()
    return StaticFile(content, content_type, f'"{digest[:32]}"')


def html_file(html: str) -> StaticFile:
    """Return an HTML document with the ETag of its content."""
    return static_file(html, _TYPES[".html"])


def security_headers(upload_origin: str | None) -> dict[str, str]:
    """Return the security headers of the page.

    The page may connect to its own origin and to the origin of the upload bucket. Its script and its style sheet are
    allowed by their hashes.
    """
    page = one_page()
    script, style = (page.script_hash, page.style_hash) if page else ("'none'", "'none'")
    connect = " ".join(filter(None, ("connect-src 'self'", upload_origin)))
    return _headers(f"script-src {script}", f"style-src {style}", "img-src 'self' blob: data:", connect)


def document_headers(page: OnePage) -> dict[str, str]:
    """Return the security headers of a document, which runs no scripts and makes no requests."""
    return _headers(f"style-src {page.style_hash}", "img-src data:")


def _headers(*allowed: str) -> dict[str, str]:
    """Return security headers. `allowed`: the directives of the Content-Security-Policy that permit a source."""
    policy = ("default-src 'none'", *allowed, "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'")
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }


def serve(request: Request, found: StaticFile, security: Mapping[str, str]) -> Response:
    """Return a file with the headers `security`, or 304 if the browser already has it."""
    headers: Headers = {
        **security,
        # Browsers keep the file but revalidate it each time, so a new version is shown at the next visit.
        "Cache-Control": "no-cache",
        "ETag": found.etag,
    }
    # Compressing proxies mark an ETag as weak (W/). For GET, weak tags compare as equal (RFC 9110, section 13.1.2).
    asked = {tag.strip().removeprefix("W/") for tag in request.header("if-none-match").split(",")}
    if asked & {found.etag, "*"}:
        return Response(304, found.content_type, "", headers)
    return Response(200, found.content_type, found.content, headers)
