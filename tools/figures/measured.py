"""Read and write docs/measured.json: the last measurements of commands, in one section for each command.

A section names its command, the date, and the model if the measurement depends on it.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MEASURED = ROOT / "docs" / "measured.json"


def load(path: Path = MEASURED) -> dict[str, Any]:
    """Return all sections by name."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def store(name: str, command: str, found: dict[str, Any], path: Path = MEASURED) -> None:
    """Replace a section. The other sections are unchanged."""
    sections = load(path)
    sections[name] = {"command": command, "measured": f"{datetime.now(UTC):%Y-%m-%d}"} | found
    path.write_text(json.dumps(sections, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def add_row(
    name: str, command: str, model: dict[str, str], row: str, values: list[float], path: Path = MEASURED
) -> None:
    """Add a row that was measured with a model to the table of its section, and remove rows of other models."""
    section = load(path).get(name, {})
    rows = section["rows"] if section.get("model") == model else {}
    store(name, command, {"model": model, "rows": rows | {row: values}}, path)
