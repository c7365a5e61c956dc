"""Ids of uploads that were requested over HTTP.

An id contains its issue time. The service can therefore tell without a table whether a result may still come, or
whether the id is invalid or too old. The issue time is in seconds since 1970, as base32hex. An id has one of two forms:

- `<issue time>-<random>`, with 128 random bits in hexadecimal. Only the random part is secret.
- `<issue time>-<SHA-256>`, for an upload whose bytes came in the request. The hash cannot be guessed without the file.
  The key of the upload has only the hash. The same file sent again has another id, but the same key and result.
"""

import base64
import re

KEY_PREFIX = "api/"
"""The prefix of uploads that were requested over HTTP. Uploads that are put into the bucket directly have other
prefixes. The API function may write uploads and read results only under this prefix."""

CLOCK_SKEW_SECONDS = 60
"""How far the clocks of two instances may differ."""

_TIME_BYTES = 5  # 8 characters of base32 without padding, enough until the year 36812
_HASH_DIGITS = 64
_ID = re.compile(rf"[0-9a-v]{{8}}-([0-9a-f]{{32}}|[0-9a-f]{{{_HASH_DIGITS}}})")
_HASH = re.compile(rf"[0-9a-f]{{{_HASH_DIGITS}}}")


def new_id(now: float) -> str:
    """Return a new id. `now`: seconds since 1970."""
    # Imported here, because it loads OpenSSL: 7 MB that most starts do not need (docs/performance.md).
    import secrets

    return f"{_issued(now)}-{secrets.token_hex(16)}"


def content_id(data: bytes, now: float) -> str:
    """Return the id of an upload whose bytes are known. `now`: seconds since 1970."""
    import hashlib  # as in `new_id`

    return f"{_issued(now)}-{hashlib.sha256(data).hexdigest()}"


def is_id(text: str) -> bool:
    """Return whether a text has the form of an id."""
    return _ID.fullmatch(text) is not None


def upload_key(upload_id: str) -> str:
    """Return the key of the upload with an id."""
    _, _, name = upload_id.partition("-")
    return KEY_PREFIX + (name if len(name) == _HASH_DIGITS else upload_id)


def id_of_key(key: str, arrived: float) -> str | None:
    """Return the id of the upload with a key; None if it was not requested over HTTP.

    `arrived`: when the upload arrived, in seconds since 1970. It becomes the issue time if the key has none.
    """
    name = key.removeprefix(KEY_PREFIX)
    if name == key:
        return None
    if _HASH.fullmatch(name):
        return f"{_issued(arrived)}-{name}"
    return name if is_id(name) and upload_key(name) == key else None


def may_be_pending(upload_id: str, now: float, patience_seconds: float) -> bool:
    """Return whether a result for an id may still come.

    This is the case if the id was issued at most `patience_seconds` ago, and not in the future.
    """
    issued = int.from_bytes(base64.b32hexdecode(upload_id[:8].upper()), "big")
    return -CLOCK_SKEW_SECONDS <= now - issued <= patience_seconds


def _issued(now: float) -> str:
    return base64.b32hexencode(int(now).to_bytes(_TIME_BYTES, "big")).decode("ascii").lower()
