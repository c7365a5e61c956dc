"""Ids of uploads asked for over HTTP. They carry their own issue time, so that an id that was never given out,
or is too old to be waited for, is told from one whose result is still to come without any table.

`<issue time>-<random>`: the seconds since 1970 in base32hex, then 128 bits in hexadecimal. The random half
is what nobody can guess; the time is no secret.
"""

import base64
import re
import secrets

KEY_PREFIX = "api/"
"""Uploads asked for over HTTP lie under it, apart from those that are put into the bucket directly: the
function that gives out ids may write, and read results, here alone."""

CLOCK_SKEW_SECONDS = 60
"""How far the clocks of two instances may differ."""

_TIME_BYTES = 5  # 8 characters of base32 without padding, enough until the year 36812
_ID = re.compile(r"[0-9a-v]{8}-[0-9a-f]{32}")


def new_id(now: float) -> str:
    """A fresh id. `now`: seconds since 1970."""
    issued = base64.b32hexencode(int(now).to_bytes(_TIME_BYTES, "big")).decode("ascii").lower()
    return f"{issued}-{secrets.token_hex(16)}"


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _ID.fullmatch(text) is not None


def upload_key(upload_id: str) -> str:
    """The key under which the upload of an id lies."""
    return KEY_PREFIX + upload_id


def id_of_key(key: str) -> str | None:
    """The id of the upload that lies under a key; None if it was put there by other means."""
    upload_id = key.removeprefix(KEY_PREFIX)
    return upload_id if upload_id != key and is_id(upload_id) else None


def may_be_pending(upload_id: str, now: float, patience_seconds: float) -> bool:
    """Whether a result for an id may still come: it was issued at most `patience_seconds` ago, and not in the
    future."""
    issued = int.from_bytes(base64.b32hexdecode(upload_id[:8].upper()), "big")
    return -CLOCK_SKEW_SECONDS <= now - issued <= patience_seconds
