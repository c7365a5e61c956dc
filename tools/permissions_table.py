"""`make permissions-table`: write the permissions of each command into docs/cli.md.

The source is pneumonia_cli/client/permissions.py.
"""

import sys
from pathlib import Path

from pneumonia_cli.client.permissions import rows

CLI_MD = Path(__file__).resolve().parent.parent / "docs" / "cli.md"

_HEAD = "| for | the caller's AWS permissions |"


def render(document: str) -> str:
    """Return the text of docs/cli.md with a new table. Raises ValueError if the table's head is missing."""
    lines = document.splitlines()
    first = lines.index(_HEAD)
    last = next((number for number in range(first, len(lines)) if not lines[number].startswith("|")), len(lines))
    return "\n".join([*lines[:first], _HEAD, "|---|---|", *rows(), *lines[last:]]) + "\n"


def main(path: Path = CLI_MD) -> int:
    """Write the file and return the exit code."""
    path.write_text(render(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
