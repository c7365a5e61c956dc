"""`make permissions-table`: what each command may do in docs/cli.md, from pneumonia_cli/client/permissions.py."""

import sys
from pathlib import Path

from pneumonia_cli.client.permissions import rows

CLI_MD = Path(__file__).resolve().parent.parent / "docs" / "cli.md"

_HEAD = "| for | the caller's AWS permissions |"


def render(document: str) -> str:
    """The text of docs/cli.md with the table again. Raises ValueError without its head."""
    lines = document.splitlines()
    first = lines.index(_HEAD)
    last = next((number for number in range(first, len(lines)) if not lines[number].startswith("|")), len(lines))
    return "\n".join([*lines[:first], _HEAD, "|---|---|", *rows(), *lines[last:]]) + "\n"


def main(path: Path = CLI_MD) -> int:
    """Write the file; answers the exit code."""
    path.write_text(render(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
