"""The bearer token of the local cloud: in its Secrets Manager, as the stack would have put it there."""

import contextlib
import json
import secrets

import boto3

from pneumonia_cli.local.names import TOKEN_SECRET

_TOKEN_BYTES = 24


def create_token() -> str:
    """Make a token for the local cloud that is running, and give it back."""
    token = secrets.token_hex(_TOKEN_BYTES)
    with contextlib.closing(boto3.client("secretsmanager")) as client:
        client.create_secret(Name=TOKEN_SECRET, SecretString=json.dumps({"token": token}))
    return token
