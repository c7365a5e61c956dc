"""results.json: a section for each command, so that one run does not wipe out what the other measured.

Its sections are of one kind of machine (`machine.kind`), the one that a command ran on last. Those of other kinds wait
under `others`, by kind, until a command runs on such a machine again.
"""

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.machine import kind

RESULTS = Path(__file__).resolve().parent / "results.json"

SECTIONS = ("process", "worker", "container", "load")
OTHERS = "others"


def store(section: str, content: dict[str, Any], path: Path = RESULTS) -> dict[str, Any]:
    """Replace one section, with the day it was measured, and return the whole.

    `content["machine"]` tells the kind of machine.
    """
    results = for_kind(load(path), kind_of(content))
    results[section] = {"measured": dt.datetime.now(dt.UTC).date().isoformat(), **content}
    save(results, path)
    return results


def for_kind(results: dict[str, Any], kind: str) -> dict[str, Any]:
    """The results with the sections of this kind of machine in front, and all others put away by kind."""
    others = {name: dict(sections) for name, sections in results.get(OTHERS, {}).items()}
    front = dict(others.pop(kind, {}))
    for name in SECTIONS:
        if name in results:
            its_kind = kind_of(results[name])
            (front if its_kind == kind else others.setdefault(its_kind, {}))[name] = results[name]
    rest = {name: value for name, value in results.items() if name not in (*SECTIONS, OTHERS)}
    return {**rest, **front, **({OTHERS: others} if others else {})}


def section(results: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A section; that of another kind of machine where this kind has none. Raises KeyError."""
    for sections in (results, *results.get(OTHERS, {}).values()):
        if name in sections:
            return dict(sections[name])
    raise KeyError(name)


def kind_of(section: dict[str, Any]) -> str:
    """The kind of machine that a section was measured on."""
    machine = section["machine"]
    return kind(machine["vector_features"], machine["system"].split()[-1])


def save(results: dict[str, Any], path: Path = RESULTS) -> None:
    """Write all of it."""
    path.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load(path: Path = RESULTS) -> dict[str, Any]:
    """All sections; none where nothing was measured yet."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
