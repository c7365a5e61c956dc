"""docs/measured.json: what commands of this repository measured last, one section for each of them.

A section names its command, the day, and, where the model has a part in it, the model.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MEASURED = ROOT / "docs" / "measured.json"


def load(path: Path = MEASURED) -> dict[str, Any]:
    """All sections by name."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def store(name: str, command: str, found: dict[str, Any], path: Path = MEASURED) -> None:
    """Put a section into the place of the old one; the others stay."""
    sections = load(path)
    sections[name] = {"command": command, "measured": f"{datetime.now(UTC):%Y-%m-%d}"} | found
    path.write_text(json.dumps(sections, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def add_row(
    name: str, command: str, model: dict[str, str], row: str, values: list[float], path: Path = MEASURED
) -> None:
    """Put one row of a table that was measured with a model into its section; rows of another model go."""
    section = load(path).get(name, {})
    rows = section["rows"] if section.get("model") == model else {}
    store(name, command, {"model": model, "rows": rows | {row: values}}, path)
