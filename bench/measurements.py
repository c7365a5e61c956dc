"""Read and write results.json. Each command has its own section, so it does not overwrite the results of others.

The top-level sections are from the kind of machine (`machine.kind`) of the last run. Sections from other kinds of
machine are in `others`, by kind. When a command runs on one of these kinds again, the sections of this kind move
back to the top level.
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
    """Replace one section, add the date to it, and return all results.

    `content["machine"]` describes the machine, including its kind.
    """
    results = for_kind(load(path), kind_of(content))
    results[section] = {"measured": dt.datetime.now(dt.UTC).date().isoformat(), **content}
    save(results, path)
    return results


def for_kind(results: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the results with this kind's sections at the top level and all others in `others`, by kind of machine."""
    others = {name: dict(sections) for name, sections in results.get(OTHERS, {}).items()}
    front = dict(others.pop(kind, {}))
    for name in SECTIONS:
        if name in results:
            its_kind = kind_of(results[name])
            (front if its_kind == kind else others.setdefault(its_kind, {}))[name] = results[name]
    rest = {name: value for name, value in results.items() if name not in (*SECTIONS, OTHERS)}
    return {**rest, **front, **({OTHERS: others} if others else {})}


def section(results: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a section, from another kind of machine if the last run's kind has none. Raises KeyError."""
    for sections in (results, *results.get(OTHERS, {}).values()):
        if name in sections:
            return dict(sections[name])
    raise KeyError(name)


def kind_of(section: dict[str, Any]) -> str:
    """Return the kind of machine on which a section was measured."""
    machine = section["machine"]
    return kind(machine["vector_features"], machine["system"].split()[-1])


def save(results: dict[str, Any], path: Path = RESULTS) -> None:
    """Write all results."""
    path.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load(path: Path = RESULTS) -> dict[str, Any]:
    """Return all results; empty before the first measurement."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
