"""`make openapi`: the API's description as a file, docs/openapi.json."""

import json
import sys
from pathlib import Path

from pneumonia.http.openapi import document

OPENAPI_JSON = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def render() -> str:
    """The text of the file."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def main(path: Path = OPENAPI_JSON) -> int:
    """Write the file; answers the exit code."""
    path.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
