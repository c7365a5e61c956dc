"""`make openapi`: write the description of the API anew, as the file that GET /openapi.json returns."""

import json
import sys
from pathlib import Path

from pneumonia.http.service import OPENAPI_JSON
from tools.openapi.document import document


def render() -> str:
    """The text of the file."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def main(path: Path = OPENAPI_JSON) -> int:
    """Write the file. Returns the exit code."""
    path.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
