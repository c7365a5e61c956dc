"""`make error-table`: write the table of errors in docs/formats.md from the code that raises them."""

import sys
from pathlib import Path

from tools.error_messages import ErrorKind, error_kinds

FORMATS_MD = Path(__file__).resolve().parent.parent / "docs" / "formats.md"

_HEAD = "| `code` | status | means | what was found |"


def render(document: str) -> str:
    """Return the text of docs/formats.md with a new table. Raises ValueError if the table's head is missing."""
    lines = document.splitlines()
    first = lines.index(_HEAD)
    last = next((number for number in range(first, len(lines)) if not lines[number].startswith("|")), len(lines))
    return "\n".join([*lines[:first], _HEAD, "|---|---|---|---|", *map(_row, error_kinds()), *lines[last:]]) + "\n"


def _row(kind: ErrorKind) -> str:
    causes = "<br>".join(map(_escaped, kind.causes))
    return f"| `{kind.code}` | {kind.status} | {_escaped(kind.title)} | {causes} |"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def main(path: Path = FORMATS_MD) -> int:
    """Write the file and return the exit code."""
    path.write_text(render(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
