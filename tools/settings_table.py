"""`make settings-table`: write the table of settings in docs/deploy.md, from their declarations and defaults."""

import json
import sys
from decimal import Decimal
from pathlib import Path

from pneumonia.declaration import declared
from pneumonia_cli.stack.context import default_context
from pneumonia_cli.stack.settings import StackSettings

DEPLOY_MD = Path(__file__).resolve().parent.parent / "docs" / "deploy.md"

_HEAD = "| Setting | Default | Allowed | What it is |"


def render(document: str) -> str:
    """Return docs/deploy.md with a new table, in the order of cdk.json.

    Raises ValueError if the head of the table is missing.
    """
    lines = document.splitlines()
    first = lines.index(_HEAD)
    last = next((number for number in range(first, len(lines)) if not lines[number].startswith("|")), len(lines))
    return "\n".join([*lines[:first], *_table(), *lines[last:]]) + "\n"


def _table() -> list[str]:
    settings = declared(StackSettings)
    rows = [_HEAD, "|---|---|---|---|"]
    for name, default in default_context().items():
        if name in settings:
            kind, about = settings[name].metadata["kind"], settings[name].metadata["about"]
            rows.append(f"| `{name}` | {_shown(default)} | {kind.allowed} | {about} |")
    return rows


def _shown(default: object) -> str:
    if default == "":
        return "empty"
    # Print prices without an exponent, as in cdk.json.
    shown = f"{Decimal(str(default)):f}" if isinstance(default, float) else json.dumps(default).strip('"')
    return f"`{shown}`"


def main(path: Path = DEPLOY_MD) -> int:
    """Write the file and return the exit code."""
    path.write_text(render(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
