"""The access token as Secrets Manager keeps it: the current one, and the one before it during a rotation."""

import functools
import json
import re
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from pneumonia.errors import AccessCheckFailed

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

MIN_LENGTH = 20
"""Of a token in characters. One that a person made up and a machine can guess is refused."""

# What an Authorization header can carry (RFC 6750, section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def read_tokens(secret_id: str) -> list[str]:
    """The tokens that are valid now: AWSCURRENT, and AWSPREVIOUS once there has been a rotation.

    The secret's value is JSON, {"token": "..."}. Raises AccessCheckFailed if the current one cannot be used,
    and what boto3 raises if it cannot be read.
    """
    current = _parse(client().get_secret_value(SecretId=secret_id, VersionStage="AWSCURRENT")["SecretString"])
    if current is None:
        raise AccessCheckFailed(
            f'The secret must be JSON {{"token": "..."}} with at least {MIN_LENGTH} letters, digits or -._~+/ in it.'
        )
    try:
        previous = client().get_secret_value(SecretId=secret_id, VersionStage="AWSPREVIOUS")["SecretString"]
    except client().exceptions.ResourceNotFoundException:  # never rotated
        return [current]
    return [token for token in (current, _parse(previous)) if token is not None]


def _parse(secret: str) -> str | None:
    try:
        token = json.loads(secret)["token"]
    except (ValueError, KeyError, TypeError):
        return None
    usable = isinstance(token, str) and len(token) >= MIN_LENGTH and _TOKEN.fullmatch(token)
    return token if usable else None


@functools.cache
def client() -> "SecretsManagerClient":
    """The client of this process."""
    # Every first request of an instance waits for this: rather a quick failure, which is tried again.
    config = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "max_attempts": 2})
    return boto3.client("secretsmanager", config=config)
