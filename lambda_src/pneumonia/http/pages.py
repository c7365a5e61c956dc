"""GET / and /page/*: the page for a browser, made of small files that lie in `pneumonia/page`.

GET / is the whole page in one document. /page/* are the files it is made of, to read and to test them. The documents
next to it (`documents.py`) are served in the same way."""

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
    """One file of the page. `etag` is of its content, in quotes as HTTP has it. Text travels as it is, bytes as
    base64."""

    content: str | bytes
    content_type: str
    etag: str


def index(request: Request) -> Response:
    """The page itself."""
    page = one_page()
    if page is None:
        raise NotFound(_NO_FILE)
    return serve(request, html_file(page.html), security_headers(process_settings().upload_origin))


def page_file(request: Request) -> Response:
    """A script, a style sheet or an image of the page."""
    # Looked up among the files there are: no path of a request ever reaches the file system.
    found = page_files().get(request.parameters["name"])
    if found is None:
        raise NotFound(_NO_FILE)
    return serve(request, found, security_headers(process_settings().upload_origin))


@functools.cache
def one_page(folder: Path = FOLDER) -> OnePage | None:
    """The page as one document, put together at the first request for it; None where it is not installed."""
    return assemble(folder) if (folder / INDEX).is_file() else None


@functools.cache
def page_files(folder: Path = FOLDER) -> Mapping[str, StaticFile]:
    """All files of the page by name, read at the first request for one: predictions need none of them."""
    return {
        path.name: static_file(_content(path), _TYPES[path.suffix])
        for path in sorted(folder.iterdir())
        if path.suffix in _TYPES
    }


def _content(path: Path) -> str | bytes:
    return path.read_bytes() if path.suffix == ".jpg" else path.read_text(encoding="utf-8")


def static_file(content: str | bytes, content_type: str) -> StaticFile:
    """A file with the tag of its content."""
    # Imported here: it loads OpenSSL, 7 MB that most starts do without (docs/performance.md).
    import hashlib

    digest = hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()
    return StaticFile(content, content_type, f'"{digest[:32]}"')


def html_file(html: str) -> StaticFile:
    """An HTML document with the tag of its content."""
    return static_file(html, _TYPES[".html"])


def security_headers(upload_origin: str | None) -> dict[str, str]:
    """What a browser must not do with the page. It may talk to its own origin, and to the bucket's for uploads; the one
    script and the one style sheet of the page are allowed by their hashes."""
    page = one_page()
    script, style = (page.script_hash, page.style_hash) if page else ("'none'", "'none'")
    connect = " ".join(filter(None, ("connect-src 'self'", upload_origin)))
    return _headers(f"script-src {script}", f"style-src {style}", "img-src 'self' blob: data:", connect)


def document_headers(page: OnePage) -> dict[str, str]:
    """What a browser must not do with a document: it runs no script, and asks nobody for anything."""
    return _headers(f"style-src {page.style_hash}", "img-src data:")


def _headers(*allowed: str) -> dict[str, str]:
    """`allowed`: the directives of the Content-Security-Policy that let something in."""
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
    """A file with the headers `security`; 304 where the browser has it already."""
    headers: Headers = {
        **security,
        # Kept, but asked about each time: a new version is there with the next visit.
        "Cache-Control": "no-cache",
        "ETag": found.etag,
    }
    # Proxies that compress mark a tag as weak (W/); for GET that compares the same (RFC 9110, section 13.1.2).
    asked = {tag.strip().removeprefix("W/") for tag in request.header("if-none-match").split(",")}
    if asked & {found.etag, "*"}:
        return Response(304, found.content_type, "", headers)
    return Response(200, found.content_type, found.content, headers)
