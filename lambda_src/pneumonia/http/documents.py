"""Serve GET /docs (the description of the API) and GET /model-card (the model card) as HTML without scripts.

`make openapi` writes the description (tools/api_page) together with openapi.json. The model card is rendered from
MODEL_CARD.md, which `make evaluate` writes next to the model, so each model is served with its card.
"""

import functools
from pathlib import Path

from pneumonia.errors import NotFound
from pneumonia.http.one_page import OnePage, assemble
from pneumonia.http.pages import FOLDER, document_headers, html_file, serve
from pneumonia.http.requests import Request
from pneumonia.http.responses import Response
from pneumonia.settings import process_settings

DOCS_HTML = FOLDER / "docs.html"
"""The description, written by `make openapi`, with links to its style sheets."""

CARD_MD = "MODEL_CARD.md"
"""The card in the folder of the model."""

_CARD_HTML = FOLDER / "model-card.html"
_PLACE = "<!-- the card -->\n"


def docs(request: Request) -> Response:
    """Return the description of the API as HTML."""
    page = one_document(DOCS_HTML)
    return serve(request, html_file(page.html), document_headers(page))


def model_card(request: Request) -> Response:
    """Return the model card as HTML. Raises NotFound if the model has none."""
    card = _card(process_settings().model_dir / CARD_MD)
    if card is None:
        raise NotFound("This model has no readable card. GET /model returns its figures.")
    page = one_document(_CARD_HTML)
    return serve(request, html_file(page.html.replace(_PLACE, card)), document_headers(page))


@functools.cache
def one_document(path: Path) -> OnePage:
    """Return a document with its style sheets inlined. It is assembled at the first request."""
    return assemble(path.parent, path.name)


@functools.cache
def _card(path: Path) -> str | None:
    """Return the card as HTML; None if there is none."""
    # Imported here, because predictions do not need it.
    from pneumonia.http.markdown import to_html

    return f"{to_html(path.read_text(encoding='utf-8'))}\n" if path.is_file() else None
