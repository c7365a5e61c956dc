"""Declare settings once, as fields of a dataclass with their allowed values, description and default.

The stack, the functions, the local cloud and the table in docs/deploy.md all use this declaration. A value is either
JSON (from cdk.json) or text (from `cdk -c` and environment variables). Every `Kind` accepts both.
"""

import json
import re
from collections.abc import Callable
from dataclasses import MISSING, Field, field, fields
from typing import Any, NamedTuple

FUNCTIONS = ("api", "worker", "backfill")
"""Names of the functions that settings can be passed to."""

_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


class Kind(NamedTuple):
    """The allowed values of a setting. `allowed` describes them; `read` returns a value, or raises ValueError."""

    allowed: str
    read: Callable[[Any], Any]


def setting(
    kind: Kind, about: str, *, default: Any = MISSING, variable: str | None = None, functions: tuple[str, ...] = ()
) -> Any:
    """Return a dataclass field that declares a setting. The name of the field is the name of the setting.

    Args:
        kind: the allowed values.
        about: description for the table in docs/deploy.md (Markdown, no line break).
        default: the value if none is given. Only settings of the functions have a default, the same as in cdk.json.
        variable: the environment variable, if it is not the name of the setting in upper case.
        functions: which of FUNCTIONS receive the setting, by default all. Only for settings of the functions.
    """
    metadata = {"kind": kind, "about": about, "variable": variable, "functions": functions or FUNCTIONS}
    return field(default=default, metadata=metadata)


def declared(settings: Any) -> dict[str, Field[Any]]:
    """Return the declared settings of a dataclass, or of one of its instances, by name."""
    return {item.name: item for item in fields(settings) if "kind" in item.metadata}


def variable_of(item: Field[Any]) -> str:
    """Return the name of the environment variable of a setting."""
    return str(item.metadata["variable"] or item.name.upper())


def text_of(value: Any) -> str:
    """Return a value as text for its environment variable, in a form that its kind reads."""
    if isinstance(value, tuple):
        return ",".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def integer(low: int, high: int, *, optional: bool = False) -> Kind:
    """Return the kind for whole numbers from `low` to `high`, inclusive. `optional` also allows null, read as None."""

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
    """Return the kind for true and false. `optional` also allows null, read as None."""

    def read(raw: Any) -> bool | None:
        if optional and raw in (None, "", "null"):
            return None
        values = {True: True, False: False, "true": True, "false": False}
        # The type is checked because 0 and 1 equal False and True as dictionary keys.
        if not isinstance(raw, (bool, str)) or raw not in values:
            raise ValueError
        return values[raw]

    return Kind("true or false" + (", or null" if optional else ""), read)


def choice(*values: str) -> Kind:
    """Return the kind for a fixed set of words."""

    def read(raw: Any) -> str:
        if not isinstance(raw, str) or raw not in values:
            raise ValueError
        return raw

    return Kind("one of " + ", ".join(values), read)


def text(pattern: str, allowed: str) -> Kind:
    """Return the kind for texts that match a regular expression completely."""

    def read(raw: Any) -> str:
        if not isinstance(raw, str) or not re.fullmatch(pattern, raw):
            raise ValueError
        return raw

    return Kind(allowed, read)


def listed(pattern: re.Pattern[str], allowed: str) -> Kind:
    """Return the kind for lists whose items each match a regular expression completely. A list is read as a tuple.

    As text, a value is the JSON of the list, or its items separated by commas.
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
    """Return the kind for lists of full host names. IP addresses and wildcards are refused."""
    return listed(_HOST, 'a list of lower-case host names such as ["images.example.org"]')
