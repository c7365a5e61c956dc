"""Kinds of values for settings that no function reads. The other kinds are in ``pneumonia.declaration``."""

from __future__ import annotations

import re
from typing import Any

from pneumonia.declaration import Kind, listed

# The only periods that CloudWatch Logs accepts (PutRetentionPolicy, retentionInDays).
_LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)

# Scheme, host and port as a browser sends them. "*" is not allowed: to admit everyone, use auth none behind a proxy.
_ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")

# A bucket and a prefix of keys. They are put into ARNs, where the excluded characters are wildcards or variables.
_ARCHIVE = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^*?$,]{0,900})?")

_MAX_PRICE = 1000


def price() -> Kind:
    """A price in US dollars, given as a number or as text."""

    def read(raw: Any) -> float:
        if isinstance(raw, str) and re.fullmatch(r"[0-9]*\.?[0-9]+(e-?[0-9]+)?", raw):
            raw = float(raw)
        if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not 0 <= raw <= _MAX_PRICE:
            raise ValueError
        return float(raw)

    return Kind(f"a price in US dollars from 0 to {_MAX_PRICE}", read)


def log_retention() -> Kind:
    """One of the periods that CloudWatch Logs offers, in days."""

    def read(raw: Any) -> int:
        text = str(raw)
        if isinstance(raw, bool) or text not in map(str, _LOG_RETENTION_DAYS):
            raise ValueError
        return int(text)

    return Kind("one of " + ", ".join(map(str, _LOG_RETENTION_DAYS)), read)


def origins() -> Kind:
    """Origins of web pages."""
    return listed(_ORIGIN, 'a list of origins such as ["https://viewer.example.org"]')


def archives() -> Kind:
    """Buckets, or prefixes in buckets."""
    return listed(_ARCHIVE, 'a list of buckets, each with or without a prefix, such as ["hospital-archive/xrays/"]')
