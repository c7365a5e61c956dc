"""Read the access tokens from their secret in Secrets Manager. The secret is JSON:

    {"token": "<the default token>",
     "tokens": [{"name": "ward-3", "sha256": "<SHA-256 of the token>", "expires": "2027-11-26T00:00:00+00:00"}],
     "previous_sha256": "<SHA-256 of the previous default token>"}

The stack generates only `token`. `pneumonia token` writes `tokens` and `previous_sha256`. For a named token, the secret
has only a hash. A plain SHA-256 is sufficient, because tokens have 192 random bits.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pneumonia import aws
from pneumonia.errors import AccessCheckFailed

MIN_LENGTH = 20
"""Minimum length of a token. Shorter tokens can be guessed and are refused."""

DEFAULT: Final = "default"
"""The name of the default token (`token`) and of the previous default token."""

# The characters of a token in an Authorization header (RFC 6750, section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
# Strict, because names go into logs and metrics.
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class KnownToken:
    """A valid token, by its SHA-256. `expires`: seconds since 1970, None if it does not expire."""

    name: str
    digest: bytes
    expires: float | None = None


def digest_of(token: str) -> bytes:
    """Return the SHA-256 of a token (32 bytes)."""
    # Imported here, because it loads OpenSSL: 7 MB that most starts do not need (docs/performance.md).
    import hashlib

    return hashlib.sha256(token.encode()).digest()


def read_tokens(secret_id: str) -> list[KnownToken]:
    """Return the tokens that are valid now: the default token, the previous default token and the named tokens.

    The hash of the previous default token is in `previous_sha256`. Without this member, the previous default token is
    in the version AWSPREVIOUS. Named tokens are read from AWSCURRENT only, so a revoked token is not valid. Raises
    AccessCheckFailed if the secret has no usable token, and the errors of boto3 if the secret cannot be read.
    """
    current = _parse(aws.secrets().get_secret_value(SecretId=secret_id, VersionStage="AWSCURRENT")["SecretString"])
    default, named = _default(current), list(_named(current))
    if default is None and not named:
        raise AccessCheckFailed(
            f'The secret must be JSON {{"token": "..."}}. The token needs at least {MIN_LENGTH} letters, digits or '
            "-._~+/ characters."
        )
    known = [default, _previous(current, secret_id), *named]
    return [token for token in known if token is not None]


def _previous(current: Mapping[str, Any], secret_id: str) -> KnownToken | None:
    if "previous_sha256" in current:
        sha256 = current["previous_sha256"]
        return KnownToken(DEFAULT, bytes.fromhex(sha256)) if _is_sha256(sha256) else None
    try:
        previous = aws.secrets().get_secret_value(SecretId=secret_id, VersionStage="AWSPREVIOUS")["SecretString"]
    except aws.secrets().exceptions.ResourceNotFoundException:  # the secret was never changed
        return None
    return _default(_parse(previous))


def _parse(secret: str) -> Mapping[str, Any]:
    try:
        fields = json.loads(secret)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _default(fields: Mapping[str, Any]) -> KnownToken | None:
    token = fields.get("token")
    usable = isinstance(token, str) and len(token) >= MIN_LENGTH and _TOKEN.fullmatch(token)
    return KnownToken(DEFAULT, digest_of(str(token))) if usable else None


def _named(fields: Mapping[str, Any]) -> Iterator[KnownToken]:
    """Yield the named tokens. Invalid entries are ignored."""
    entries = fields.get("tokens")
    for entry in entries if isinstance(entries, list) else []:
        try:
            name, sha256, expires = entry["name"], entry["sha256"], entry["expires"]
            ends = None if expires is None else _time(expires)
        except (KeyError, TypeError, ValueError):
            continue
        if isinstance(name, str) and _NAME.fullmatch(name) and name != DEFAULT and _is_sha256(sha256):
            yield KnownToken(name, bytes.fromhex(sha256), ends)


def _time(text: str) -> float:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    return time.timestamp()


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None
