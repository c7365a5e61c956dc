"""GET /docs, the description of the API for people, and GET /model-card, the card of the model: HTML without scripts.

`make openapi` writes the first one (tools/api_page), together with the description for machines. The second one is made
of MODEL_CARD.md, which `make evaluate` writes next to the model: whatever model is served comes with its own.
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
"""The description, written by `make openapi`; it names its style sheets."""

CARD_MD = "MODEL_CARD.md"
"""The card in the folder of the model."""

_CARD_HTML = FOLDER / "model-card.html"
_PLACE = "<!-- the card -->\n"


def docs(request: Request) -> Response:
    """The description of the API for people."""
    page = one_document(DOCS_HTML)
    return serve(request, html_file(page.html), document_headers(page))


def model_card(request: Request) -> Response:
    """The card of the model for people. Raises NotFound where the model comes without one."""
    card = _card(process_settings().model_dir / CARD_MD)
    if card is None:
        raise NotFound("This model comes without a card for people. GET /model returns its figures.")
    page = one_document(_CARD_HTML)
    return serve(request, html_file(page.html.replace(_PLACE, card)), document_headers(page))


@functools.cache
def one_document(path: Path) -> OnePage:
    """A document with its style sheets inside, put together at the first request for it."""
    return assemble(path.parent, path.name)


@functools.cache
def _card(path: Path) -> str | None:
    """The card as HTML, None where there is none."""
    # Here: no prediction needs it.
    from pneumonia.http.markdown import to_html

    return f"{to_html(path.read_text(encoding='utf-8'))}\n" if path.is_file() else None
