"""`pneumonia rotate-token`: a new bearer token for a service with auth `token`."""

import json
import secrets
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from pneumonia_cli.client import output
from pneumonia_cli.client.aws import Aws, error_code, errors_in_words
from pneumonia_cli.client.errors import EXIT_OK, ServiceError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_TOKEN_BYTES: Final = 24
"""192 bits from the system's random source, as 48 hexadecimal characters."""


def run(aws: Aws, secret_id: str, *, revoke: bool, show: bool, really: bool, as_json: bool = False) -> int:
    """Put a new token into the secret; answers the exit code. Raises ServiceError.

    With `revoke` twice, so that the token of before is not even the previous one.
    """
    client: SecretsManagerClient = aws.client("secretsmanager")
    token = None
    with errors_in_words("The token"):
        try:
            client.describe_secret(SecretId=secret_id)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                raise ServiceError(
                    "The secret of the token is not there. Is the service deployed with auth token?"
                ) from error
            raise
        if really:
            token = rotate(client, secret_id, times=2 if revoke else 1)
    if as_json:
        print_token = {"token": token} if show and token else {}
        output.print_json({"rotated": really, "secret": secret_id, "revoked": revoke and really, **print_token})
    else:
        _tell(secret_id, token, revoke=revoke, show=show)
    return EXIT_OK


def rotate(client: "SecretsManagerClient", secret_id: str, *, times: int) -> str:
    """Write so many new tokens, one after the other; answers the last. Raises botocore's errors."""
    tokens = [secrets.token_hex(_TOKEN_BYTES) for _ in range(times)]
    for token in tokens:
        client.put_secret_value(SecretId=secret_id, SecretString=json.dumps({"token": token}))
    return tokens[-1]


def _tell(secret_id: str, token: str | None, *, revoke: bool, show: bool) -> None:
    ends = (
        "The old tokens end within five minutes."
        if revoke
        else "Old and new are both valid until the next rotation; if the old one has leaked, give --revoke."
    )
    if token is None:
        output.print_text(f"Would put a new token into {secret_id}. {ends}")
        output.stdout.print("Nothing was changed. The same command with --yes does it.")
        return
    output.print_text(f"There is a new token in {secret_id}. {ends}")
    if show:
        output.print_text(token)
    else:
        output.stdout.print("--show prints it; or read it from Secrets Manager.")
