"""In the site of the documents, every link has a target, and no marker of a figure is visible."""

from pathlib import Path

import pytest

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


def test_documents_keep_their_paths_and_lose_their_markers(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "staged"
    (root / "docs" / "images").mkdir(parents=True)
    (root / "README.md").write_text("A <!-- figure: a -->7<!-- /figure -->\n```sh\nx\n```\n")
    (root / "docs" / "a.md").write_text("![x](images/x.png) [up](../README.md)")
    (root / "docs" / "images" / "x.png").write_bytes(b"png")
    docs_site.stage(folder, root)
    assert (folder / "README.md").read_text() == "A 7\n```sh\nx\n```\n"
    assert (folder / "docs" / "images" / "x.png").read_bytes() == b"png"
