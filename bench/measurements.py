"""results.json: a section for each command, so that one run does not wipe out what the other measured."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results.json"


def store(section: str, content: dict[str, Any], path: Path = RESULTS) -> dict[str, Any]:
    """Replace one section, with the day it was measured, and answer the whole."""
    results = load(path)
    results[section] = {"measured": dt.datetime.now(dt.UTC).date().isoformat(), **content}
    path.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return results


def load(path: Path = RESULTS) -> dict[str, Any]:
    """All sections; none where nothing was measured yet."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
