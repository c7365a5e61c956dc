"""The access token as Secrets Manager keeps it: the current one, and the one before it during a rotation."""

import json
import re

from pneumonia import aws
from pneumonia.errors import AccessCheckFailed

MIN_LENGTH = 20
"""Of a token in characters. One that a person made up and a machine can guess is refused."""

# What an Authorization header can carry (RFC 6750, section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def read_tokens(secret_id: str) -> list[str]:
    """The tokens that are valid now: AWSCURRENT, and AWSPREVIOUS once there has been a rotation.

    The secret's value is JSON, {"token": "..."}. Raises AccessCheckFailed if the current one cannot be used,
    and what boto3 raises if it cannot be read.
    """
    current = _parse(aws.secrets().get_secret_value(SecretId=secret_id, VersionStage="AWSCURRENT")["SecretString"])
    if current is None:
        raise AccessCheckFailed(
            f'The secret must be JSON {{"token": "..."}} with at least {MIN_LENGTH} letters, digits or -._~+/ in it.'
        )
    try:
        previous = aws.secrets().get_secret_value(SecretId=secret_id, VersionStage="AWSPREVIOUS")["SecretString"]
    except aws.secrets().exceptions.ResourceNotFoundException:  # never rotated
        return [current]
    return [token for token in (current, _parse(previous)) if token is not None]


def _parse(secret: str) -> str | None:
    try:
        token = json.loads(secret)["token"]
    except (ValueError, KeyError, TypeError):
        return None
    usable = isinstance(token, str) and len(token) >= MIN_LENGTH and _TOKEN.fullmatch(token)
    return token if usable else None
