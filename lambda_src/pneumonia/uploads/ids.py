"""Ids of uploads asked for over HTTP. They carry their own issue time, so that an id that was never given out,
or is too old to be waited for, is told from one whose result is still to come without any table.

`<issue time>-<random>`: the seconds since 1970 in base32hex, then 128 bits in hexadecimal. The random half
is what nobody can guess; the time is no secret.

`<issue time>-<SHA-256>` is an upload that came with its request: the hash is that of its bytes, so nobody can guess it
without the file. Its key has no time in it: the same file sent again has another id, and the same key and result.
"""

import base64
import re

KEY_PREFIX = "api/"
"""Uploads asked for over HTTP lie under it, apart from those that are put into the bucket directly: the
function that gives out ids may write, and read results, here alone."""

CLOCK_SKEW_SECONDS = 60
"""How far the clocks of two instances may differ."""

_TIME_BYTES = 5  # 8 characters of base32 without padding, enough until the year 36812
_HASH_DIGITS = 64
_ID = re.compile(rf"[0-9a-v]{{8}}-([0-9a-f]{{32}}|[0-9a-f]{{{_HASH_DIGITS}}})")
_HASH = re.compile(rf"[0-9a-f]{{{_HASH_DIGITS}}}")


def new_id(now: float) -> str:
    """A fresh id. `now`: seconds since 1970."""
    # Imported here: it loads OpenSSL, 7 MB that most starts do without (docs/performance.md).
    import secrets

    return f"{_issued(now)}-{secrets.token_hex(16)}"


def content_id(data: bytes, now: float) -> str:
    """The id of an upload whose bytes are known. `now`: seconds since 1970."""
    import hashlib  # as in `new_id`

    return f"{_issued(now)}-{hashlib.sha256(data).hexdigest()}"


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _ID.fullmatch(text) is not None


def upload_key(upload_id: str) -> str:
    """The key under which the upload of an id lies."""
    _, _, name = upload_id.partition("-")
    return KEY_PREFIX + (name if len(name) == _HASH_DIGITS else upload_id)


def id_of_key(key: str, arrived: float) -> str | None:
    """The id of the upload that lies under a key; None if it was put there by other means.

    `arrived`: when it came, in seconds since 1970; the time in the id of an upload whose key has none.
    """
    name = key.removeprefix(KEY_PREFIX)
    if name == key:
        return None
    if _HASH.fullmatch(name):
        return f"{_issued(arrived)}-{name}"
    return name if is_id(name) and upload_key(name) == key else None


def may_be_pending(upload_id: str, now: float, patience_seconds: float) -> bool:
    """Whether a result for an id may still come: it was issued at most `patience_seconds` ago, and not in the
    future."""
    issued = int.from_bytes(base64.b32hexdecode(upload_id[:8].upper()), "big")
    return -CLOCK_SKEW_SECONDS <= now - issued <= patience_seconds


def _issued(now: float) -> str:
    return base64.b32hexencode(int(now).to_bytes(_TIME_BYTES, "big")).decode("ascii").lower()
