"""The site of the documents: every link leads somewhere, and a visit asks nobody but the site."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Request, expect, sync_playwright

from pneumonia_cli.local.names import HOST
from tests.page.conftest import FLAGS, chromium
from tools import docs_site


def test_every_link_of_the_documents_leads_to_a_file() -> None:
    for page in docs_site.pages():
        list(docs_site.linked(page, page.read_text(encoding="utf-8"), docs_site.ROOT))


def test_a_broken_link_is_named(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    text = "[a](there.md#part) and [b](https://example.org) and\n```\n[c](nowhere.md)\n```\n[d](gone.md)"
    (tmp_path / "there.md").touch()
    with pytest.raises(docs_site.BrokenLink, match=r"README\.md links to gone\.md"):
        list(docs_site.linked(page, text, tmp_path))


def test_documents_lie_as_in_the_repository_without_markers(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "staged"
    (root / "docs" / "images").mkdir(parents=True)
    (root / "README.md").write_text("A <!-- figure: a -->7<!-- /figure -->\n```sh\nx\n```\n")
    (root / "docs" / "a.md").write_text("![x](images/x.png) [up](../README.md)")
    (root / "docs" / "images" / "x.png").write_bytes(b"png")
    docs_site.stage(folder, root)
    assert (folder / "README.md").read_text() == "A 7\n```sh\nx\n```\n"
    assert (folder / "docs" / "images" / "x.png").read_bytes() == b"png"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    assert docs_site.build() == 0, "a link or an anchor is broken, or a page is not in the menu of mkdocs.yml"
    handler = functools.partial(Quiet, directory=str(docs_site.ROOT / "site"))
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
def test_the_built_pages_show_no_markers(site: str) -> None:
    for page in (docs_site.ROOT / "site").rglob("*.html"):
        assert "<!-- figure" not in page.read_text(encoding="utf-8"), page


@pytest.mark.slow
def test_a_visit_asks_nobody_else_and_draws_the_diagrams(site: str) -> None:
    strangers: list[str] = []

    def on_request(request: Request) -> None:
        if not request.url.startswith((site, "data:", "blob:")):
            strangers.append(request.url)

    found = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS, chromium_sandbox=False)
        page = browser.new_page()
        page.on("request", on_request)
        for name in ("index.html", "docs/cli.html", "docs/architecture.html"):
            page.goto(f"{site}/{name}")
        expect(page.locator("div.mermaid")).to_have_count(1)
        browser.close()
    assert strangers == []
