"""How a setting is declared: once, as a field of a dataclass, with what it may be, what it is, and its default.

The stack, the functions, the local cloud and the table in docs/deploy.md all take it from there. A value comes as JSON
has it (from cdk.json) or as text (from `cdk -c` and from an environment variable); each kind accepts both.
"""

import json
import re
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

FUNCTIONS = ("api", "worker", "backfill")
"""Names of the functions that can be given a setting."""

_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Kind:
    """What a value may be. `allowed` says it in words; `read` returns the value, and raises ValueError for another."""

    allowed: str
    read: Callable[[Any], Any]


def setting(
    kind: Kind, about: str, *, default: Any = MISSING, variable: str | None = None, functions: tuple[str, ...] = ()
) -> Any:
    """Declare a setting, as the default of a dataclass field that has its name.

    Args:
        kind: what it may be.
        about: what it is, for the table in docs/deploy.md (Markdown, no line break).
        default: its value where it is not given; only for settings of the functions, and the same in cdk.json.
        variable: the environment variable that holds it, if that is not the name in upper case.
        functions: which of FUNCTIONS are given it; only for settings of the functions, of which all is the default.
    """
    metadata = {"kind": kind, "about": about, "variable": variable, "functions": functions or FUNCTIONS}
    return field(default=default, metadata=metadata)


def declared(settings: Any) -> dict[str, Field[Any]]:
    """The declared settings of a dataclass, or of one of its instances, by name."""
    return {item.name: item for item in fields(settings) if "kind" in item.metadata}


def variable_of(item: Field[Any]) -> str:
    """The environment variable that holds a setting."""
    return str(item.metadata["variable"] or item.name.upper())


def text_of(value: Any) -> str:
    """A value as its environment variable holds it; every kind reads it back."""
    if isinstance(value, tuple):
        return ",".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def integer(low: int, high: int, *, optional: bool = False) -> Kind:
    """A whole number between two bounds, both allowed. `optional`: or null, which reads as None."""

    def read(raw: Any) -> int | None:
        if optional and raw in (None, "", "null"):
            return None
        if isinstance(raw, str) and re.fullmatch(r"[0-9]+", raw):
            raw = int(raw)
        if isinstance(raw, bool) or not isinstance(raw, int) or not low <= raw <= high:
            raise ValueError
        return raw

    return Kind(f"a whole number from {low} to {high}" + (", or null" if optional else ""), read)


def flag(*, optional: bool = False) -> Kind:
    """True or false. `optional`: or null, which reads as None."""

    def read(raw: Any) -> bool | None:
        if optional and raw in (None, "", "null"):
            return None
        values = {True: True, False: False, "true": True, "false": False}
        # 0 and 1 equal False and True as dictionary keys, hence the look at the type.
        if not isinstance(raw, (bool, str)) or raw not in values:
            raise ValueError
        return values[raw]

    return Kind("true or false" + (", or null" if optional else ""), read)


def choice(*values: str) -> Kind:
    """One of some words."""

    def read(raw: Any) -> str:
        if not isinstance(raw, str) or raw not in values:
            raise ValueError
        return raw

    return Kind("one of " + ", ".join(values), read)


def text(pattern: str, allowed: str) -> Kind:
    """A text that a regular expression matches as a whole."""

    def read(raw: Any) -> str:
        if not isinstance(raw, str) or not re.fullmatch(pattern, raw):
            raise ValueError
        return raw

    return Kind(allowed, read)


def listed(pattern: re.Pattern[str], allowed: str) -> Kind:
    """A list of texts, each of which a regular expression matches as a whole; reads as a tuple.

    As text it is the JSON of the list, or its items between commas.
    """

    def read(raw: Any) -> tuple[str, ...]:
        if isinstance(raw, str):
            parts = (part.strip() for part in raw.split(","))
            raw = json.loads(raw) if raw.startswith("[") else [part for part in parts if part]
        if not isinstance(raw, (list, tuple)):
            raise ValueError
        if not all(isinstance(item, str) and pattern.fullmatch(item) for item in raw):
            raise ValueError
        return tuple(raw)

    return Kind(f"{allowed}, or the same separated by commas", read)


def hosts() -> Kind:
    """Full host names. No address and no wildcard: neither would ever match the host of a URL."""
    return listed(_HOST, 'a list of lower-case host names such as ["images.example.org"]')
