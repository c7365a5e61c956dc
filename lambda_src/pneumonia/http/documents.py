"""GET /docs: the description of the API for people, in one HTML document without scripts.

`make openapi` writes it (tools/api_page), together with the one for machines.
"""

import functools
from pathlib import Path

from pneumonia.http.one_page import OnePage, assemble
from pneumonia.http.pages import FOLDER, document_headers, html_file, serve
from pneumonia.http.requests import Request
from pneumonia.http.responses import Response

DOCS_HTML = FOLDER / "docs.html"
"""The description, written by `make openapi`; it names its style sheets."""


def docs(request: Request) -> Response:
    """The description of the API for people."""
    page = one_document(DOCS_HTML)
    return serve(request, html_file(page.html), document_headers(page))


@functools.cache
def one_document(path: Path) -> OnePage:
    """A document with its style sheets inside, put together at the first request for it."""
    return assemble(path.parent, path.name)
