"""`pneumonia rotate-token`: replace the bearer token of a service with auth `token`."""

import json
from typing import TYPE_CHECKING

from pneumonia_cli.client import output
from pneumonia_cli.client.aws import Aws, errors_in_words
from pneumonia_cli.client.errors import EXIT_OK
from pneumonia_cli.client.operating.tokens import Stored, new_token, read
from pneumonia_cli.client.records import print_record
from pneumonia_cli.client.shape import Shape

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def run(aws: Aws, secret_id: str, *, revoke: bool, show: bool, really: bool, shape: Shape = Shape.TABLE) -> int:
    """Put a new default token into the secret, and return the exit code. Raises ServiceError.

    `revoke` does this twice, because the service also accepts the previous token. Named tokens do not change.
    """
    client: SecretsManagerClient = aws.client("secretsmanager")
    token = None
    with errors_in_words("The token"):
        stored = read(client, secret_id)
        if really:
            token = rotate(client, secret_id, stored, times=2 if revoke else 1)
    if shape.for_programs:
        print_token = {"token": token} if show and token else {}
        print_record({"rotated": really, "secret": secret_id, "revoked": revoke and really, **print_token}, shape)
    else:
        _tell(secret_id, token, revoke=revoke, show=show)
    return EXIT_OK


def rotate(client: "SecretsManagerClient", secret_id: str, stored: Stored, *, times: int) -> str:
    """Write `times` new tokens, one after the other, and return the last. Raises botocore's errors."""
    # `previous_sha256` is not needed after a rotation: the previous version of the secret holds the previous token.
    kept = {name: value for name, value in stored.fields.items() if name != "previous_sha256"}
    tokens = [new_token() for _ in range(times)]
    for token in tokens:
        client.put_secret_value(SecretId=secret_id, SecretString=json.dumps({**kept, "token": token}))
    return tokens[-1]


def _tell(secret_id: str, token: str | None, *, revoke: bool, show: bool) -> None:
    ends = (
        "The old tokens stop working within five minutes."
        if revoke
        else "Both tokens are valid until the next rotation. If the old token has leaked, use --revoke."
    )
    if token is None:
        output.print_text(f"This would put a new token into {secret_id}. {ends}")
        output.stdout.print("Nothing was changed. Run the same command with --yes to rotate the token.")
        return
    output.print_text(f"A new token is in {secret_id}. {ends}")
    if show:
        output.print_text(token)
    else:
        output.stdout.print("Read the token from Secrets Manager. With --show, the command prints it.")
