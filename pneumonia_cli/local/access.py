"""The bearer token of the local cloud, kept in its Secrets Manager as in a deployed stack."""

import contextlib
import json
import secrets

import boto3

from pneumonia_cli.local.names import TOKEN_SECRET

_TOKEN_BYTES = 24


def create_token() -> str:
    """Create and return a token for the running local cloud."""
    token = secrets.token_hex(_TOKEN_BYTES)
    with contextlib.closing(boto3.client("secretsmanager")) as client:
        client.create_secret(Name=TOKEN_SECRET, SecretString=json.dumps({"token": token}))
    return token
