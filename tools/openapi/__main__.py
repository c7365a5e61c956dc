"""`make openapi`: write the files that GET /openapi.json and GET /docs return."""

import json
import sys
from pathlib import Path

from pneumonia.http.documents import DOCS_HTML
from pneumonia.http.service import OPENAPI_JSON
from tools.api_page.page import render as render_page
from tools.openapi.document import document


def render() -> str:
    """Return the text of openapi.json."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def main(path: Path = OPENAPI_JSON, page: Path = DOCS_HTML) -> int:
    """Write the files and return the exit code."""
    path.write_text(render(), encoding="utf-8")
    page.write_text(render_page(document()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
