import re
from pathlib import Path

import pytest

from pneumonia.http import pages
from pneumonia.http.one_page import assemble
from pneumonia.http.pages import FOLDER, page_files, security_headers
from tests.unit.http.conftest import Ask

NAMES = sorted(path.name for path in FOLDER.iterdir())


def test_index(ask: Ask) -> None:
    reply = ask("GET", "/")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert reply.data == assemble(FOLDER).html.encode()


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_the_page_is_served_unchanged_with_its_type(ask: Ask, name: str) -> None:
    reply = ask("GET", f"/page/{name}")
    assert reply.status == 200
    assert reply.data == (FOLDER / name).read_bytes()
    kind = {".html": "html", ".js": "javascript", ".css": "css", ".svg": "svg+xml", ".jpg": "jpeg"}[Path(name).suffix]
    assert kind in reply.headers["content-type"]
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_the_page_names_no_other_file(ask: Ask) -> None:
    named = re.findall(rb'(?:src|href)="((?!#|data:)[^"]*)"', ask("GET", "/").data)
    assert set(named) == {b"/docs", b"/model-card", b"/openapi.json"}  # links that load nothing


@pytest.mark.parametrize(
    "path", ["/page/", "/page/nothing.js", "/page/..", "/page/..%2Fapi.py", "/page/../api.py", "/page/a/b.js", "/page"]
)
def test_nothing_else_is_served(ask: Ask, path: str) -> None:
    reply = ask("GET", path)
    assert (reply.status, reply.body["code"]) == (404, "not_found")


def test_an_unchanged_page_is_not_sent_again(ask: Ask) -> None:
    first = ask("GET", "/")
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    for sent in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = ask("GET", "/", headers={"if-none-match": sent})
        assert (again.status, again.data, again.headers["etag"]) == (304, b"", tag)
    assert ask("GET", "/", headers={"if-none-match": '"other"'}).status == 200


def test_etag_changes_with_the_file(tmp_path: Path) -> None:
    def tag(content: str) -> str:
        (tmp_path / "a.js").write_text(content)
        page_files.cache_clear()
        return page_files(tmp_path)["a.js"].etag

    assert tag("1") == tag("1") != tag("2")
    page_files.cache_clear()


@pytest.mark.parametrize("path", ["/", f"/page/{NAMES[0]}"])
def test_security_headers(ask: Ask, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPLOAD_ORIGIN", "https://uploads.s3.eu-central-1.amazonaws.com")
    headers = ask("GET", path).headers
    policy = dict(part.partition(" ")[::2] for part in headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": assemble(FOLDER).script_hash,
        "style-src": assemble(FOLDER).style_hash,
        "img-src": "'self' blob: data:",
        "connect-src": "'self' https://uploads.s3.eu-central-1.amazonaws.com",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"


def test_without_uploads_the_page_connects_only_to_its_origin() -> None:
    assert "connect-src 'self';" in security_headers(None)["Content-Security-Policy"]


def test_the_page_does_not_need_the_model(ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    assert ask("GET", "/").status == 200


def test_the_page_cannot_be_installed(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "one_page", lambda: None)
    assert ask("GET", "/").status == 404
