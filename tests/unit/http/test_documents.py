import json
import re
from pathlib import Path

import pytest

from pneumonia.http import documents
from pneumonia.http.documents import DOCS_HTML, one_document
from tests.unit.http.conftest import Ask

PATHS = ["/docs", "/model-card"]


@pytest.mark.parametrize("path", PATHS)
class TestDocuments:
    def test_it_is_one_html_document_with_its_style_sheets_inside(self, ask: Ask, path: str) -> None:
        reply = ask("GET", path)
        assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
        html = reply.data.decode()
        assert html.count("<style>") == 1
        assert "<script" not in html
        # The document loads nothing, and every link stays on the host.
        assert re.findall(r'\ssrc="(?!data:)[^"]*"', html) == []
        assert set(re.findall(r'<link [^>]*href="(?!data:)[^"]*"', html)) == set()
        assert {link for link in re.findall(r'<a [^>]*href="([^"]*)"', html) if link[0] not in "#/"} == set()

    def test_a_browser_may_run_and_load_nothing(self, ask: Ask, path: str) -> None:
        headers = ask("GET", path).headers
        policy = dict(part.partition(" ")[::2] for part in headers["content-security-policy"].split("; "))
        assert policy.pop("style-src").startswith("'sha256-")
        assert policy == {
            "default-src": "'none'", "img-src": "data:", "frame-ancestors": "'none'", "base-uri": "'none'",
            "form-action": "'none'",
        }  # fmt: skip
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")

    def test_an_unchanged_document_is_not_sent_again(self, ask: Ask, path: str) -> None:
        first = ask("GET", path)
        assert first.headers["cache-control"] == "no-cache"
        again = ask("GET", path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status, again.data) == (304, b"")
        head = ask("HEAD", path)
        assert (head.status, head.headers, head.data) == (200, first.headers, b"")

    @pytest.mark.parametrize("auth", ["token", "iam"])
    def test_it_has_the_same_access_as_the_page(
        self, ask: Ask, path: str, auth: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AUTH_MODE", auth)
        monkeypatch.setenv("AUTH_SECRET_ID", "never read")
        assert [ask("GET", each).status for each in ("/", path, "/openapi.json")] == [200, 200, 200]


def test_each_link_inside_the_description_has_a_target() -> None:
    html = DOCS_HTML.read_text(encoding="utf-8")
    places = re.findall(r'\sid="([^"]+)"', html)
    assert len(places) == len(set(places))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(places)


def test_a_problem_links_to_its_section(ask: Ask) -> None:
    problem = ask("GET", "/nowhere").body
    assert problem["help"] == "/docs#not_found"
    assert ' id="not_found"' in ask("GET", "/docs").data.decode()


def test_the_card_is_that_of_the_model_in_use(ask: Ask, artifacts: Path) -> None:
    name = json.loads((artifacts / "card.json").read_text(encoding="utf-8"))["name"]
    assert f"<h1>Model card: {name}</h1>" in ask("GET", "/model-card").data.decode()


def test_a_model_without_a_card(ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    reply = ask("GET", "/model-card")
    assert (reply.status, reply.body["code"]) == (404, "not_found")
    assert "GET /model " in reply.body["detail"]


def test_it_is_assembled_once(ask: Ask) -> None:
    one_document.cache_clear()
    ask("GET", "/docs")
    ask("GET", "/docs")
    assert documents.one_document.cache_info().misses == 1
