"""What a value of a setting may be: one parser for each kind, which refuses the rest.

Values given with ``-c`` arrive as text, so each parser accepts both the JSON type and its text form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import field
from typing import Any

# The only periods CloudWatch Logs accepts (PutRetentionPolicy, retentionInDays).
_LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")

# Scheme, host and port as a browser sends them. No "*": whoever wants everyone has auth none and a proxy.
_ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")

# A bucket and a prefix of keys. They end up in ARNs, where these characters would be wildcards or variables.
_ARCHIVE = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^*?$,]{0,900})?")

_MAX_PRICE = 1000


class NotAllowedError(Exception):
    """Raised by a parser; its text says what is allowed."""


Parser = Callable[[Any], Any]


def integer(low: int, high: int, *, optional: bool = False) -> Any:
    allowed = f"a whole number from {low} to {high}" + (", or null" if optional else "")

    def parse(raw: Any) -> int | None:
        if optional and raw in (None, "", "null"):
            return None
        if isinstance(raw, str) and re.fullmatch(r"[0-9]+", raw):
            raw = int(raw)
        if isinstance(raw, bool) or not isinstance(raw, int) or not low <= raw <= high:
            raise NotAllowedError(allowed)
        return raw

    return field(metadata={"parse": parse})


def choice(*allowed: str) -> Any:
    def parse(raw: Any) -> str:
        if not isinstance(raw, str) or raw not in allowed:
            raise NotAllowedError("one of " + ", ".join(allowed))
        return raw

    return field(metadata={"parse": parse})


def price() -> Any:
    """US dollars, from the text form as well."""
    allowed = "a price in US dollars from 0 to 1000"

    def parse(raw: Any) -> float:
        if isinstance(raw, str) and re.fullmatch(r"[0-9]*\.?[0-9]+(e-?[0-9]+)?", raw):
            raw = float(raw)
        if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not 0 <= raw <= _MAX_PRICE:
            raise NotAllowedError(allowed)
        return float(raw)

    return field(metadata={"parse": parse})


def flag() -> Any:
    def parse(raw: Any) -> bool:
        values = {True: True, False: False, "true": True, "false": False}
        # 0 and 1 equal False and True as dictionary keys, hence the look at the type.
        if not isinstance(raw, (bool, str)) or raw not in values:
            raise NotAllowedError("true or false")
        return values[raw]

    return field(metadata={"parse": parse})


def text(pattern: str, allowed: str) -> Any:
    def parse(raw: Any) -> str:
        if not isinstance(raw, str) or not re.fullmatch(pattern, raw):
            raise NotAllowedError(allowed)
        return raw

    return field(metadata={"parse": parse})


def log_retention() -> Any:
    def parse(raw: Any) -> int:
        text = str(raw)
        if isinstance(raw, bool) or text not in map(str, _LOG_RETENTION_DAYS):
            raise NotAllowedError("one of " + ", ".join(map(str, _LOG_RETENTION_DAYS)))
        return int(text)

    return field(metadata={"parse": parse})


def hosts() -> Any:
    allowed = 'a list of lower-case host names such as ["images.example.org"], or the same separated by commas'

    def parse(raw: Any) -> tuple[str, ...]:
        hosts = _listed(raw, allowed)
        if not all(isinstance(host, str) and _HOST.fullmatch(host) for host in hosts):
            raise NotAllowedError(allowed)
        return hosts

    return field(metadata={"parse": parse})


def origins() -> Any:
    allowed = 'a list of origins such as ["https://films.example.org"], or the same separated by commas'

    def parse(raw: Any) -> tuple[str, ...]:
        origins = _listed(raw, allowed)
        if not all(isinstance(origin, str) and _ORIGIN.fullmatch(origin) for origin in origins):
            raise NotAllowedError(allowed)
        return origins

    return field(metadata={"parse": parse})


def archives() -> Any:
    allowed = (
        'a list of buckets, each with or without a prefix, such as ["hospital-archive/films/"], or the same separated '
        "by commas"
    )

    def parse(raw: Any) -> tuple[str, ...]:
        archives = _listed(raw, allowed)
        if not all(isinstance(archive, str) and _ARCHIVE.fullmatch(archive) for archive in archives):
            raise NotAllowedError(allowed)
        return archives

    return field(metadata={"parse": parse})


def _listed(raw: Any, allowed: str) -> tuple[Any, ...]:
    """A list as JSON has it or as ``-c`` passes it: JSON in text, or text between commas."""
    if isinstance(raw, str):
        try:
            raw = json.loads(raw) if raw.startswith("[") else [part for part in raw.split(",") if part]
        except json.JSONDecodeError as error:
            raise NotAllowedError(allowed) from error
    if not isinstance(raw, (list, tuple)):
        raise NotAllowedError(allowed)
    return tuple(raw)
