import json
from pathlib import Path

from pneumonia.http.documents import DOCS_HTML
from pneumonia.http.service import OPENAPI_JSON
from tools.openapi.__main__ import main, render
from tools.openapi.document import document


def test_the_shipped_file_is_generated() -> None:
    assert OPENAPI_JSON.read_text(encoding="utf-8") == render(), "run: make openapi"


def test_the_files_can_be_written_again(tmp_path: Path) -> None:
    assert main(tmp_path / "openapi.json", tmp_path / "docs.html") == 0
    assert json.loads((tmp_path / "openapi.json").read_text(encoding="utf-8")) == document()
    assert (tmp_path / "docs.html").read_bytes() == DOCS_HTML.read_bytes()
