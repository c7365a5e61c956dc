"""Tests of the built documentation site in a browser: it sends no request to another host."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Request, expect

from pneumonia_cli.local.names import HOST
from tools import docs_site

pytestmark = pytest.mark.slow


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    assert docs_site.build() == 0, "a link or an anchor is broken, or a page is not in the menu of mkdocs.yml"
    handler = functools.partial(Quiet, directory=str(docs_site.ROOT / "site"))
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()


def test_the_site_shows_no_markers_calls_no_other_host_and_draws_the_diagrams(site: str, browser: Browser) -> None:
    # One test for all: workers that build the site at the same time would overwrite each other's files.
    for built in (docs_site.ROOT / "site").rglob("*.html"):
        assert "<!-- figure" not in built.read_text(encoding="utf-8"), built
    strangers: list[str] = []

    def on_request(request: Request) -> None:
        if not request.url.startswith((site, "data:", "blob:")):
            strangers.append(request.url)

    with browser.new_context() as context:
        page = context.new_page()
        page.on("request", on_request)
        for name in ("index.html", "docs/cli.html", "docs/architecture.html"):
            page.goto(f"{site}/{name}")
        expect(page.locator("div.mermaid")).to_have_count(1)
    assert strangers == []
