"""`pneumonia token`: named bearer tokens, each with an expiry, for a service with auth `token`.

The secret of the default token also contains the SHA-256 of each named token (pneumonia/http/token_secret.py). Named
tokens themselves are not stored.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError
from rich.table import Table

from pneumonia_cli.client import output
from pneumonia_cli.client.aws import Aws, error_code, errors_in_words
from pneumonia_cli.client.errors import EXIT_OK, ServiceError, UsageProblem
from pneumonia_cli.client.records import print_record, print_records
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.reporting.printable import printable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

DEFAULT: Final = "default"
"""The name of the token that the stack generates."""
MAX_TOKENS: Final = 200
"""With this number of tokens, the secret stays below its size limit of 64 KB."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_TOKEN_BYTES: Final = 24
_CURRENT, _PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"


@dataclass(frozen=True)
class Stored:
    """The current version of a secret."""

    version: str
    fields: dict[str, Any]

    @property
    def named(self) -> list[dict[str, Any]]:
        """The entries of the named tokens: `name`, `sha256`, `expires`, `created`."""
        found = self.fields.get("tokens")
        return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def new_token() -> str:
    """Return 192 bits from the system's random source as 48 hexadecimal characters."""
    return secrets.token_hex(_TOKEN_BYTES)


def add(aws: Aws, secret_id: str, name: str, days: int, *, really: bool, shape: Shape = Shape.TABLE) -> int:
    """Create a token with this name, valid for `days` days, print it once, and return the exit code.

    Raises UsageProblem, ServiceError.
    """
    if not _NAME.fullmatch(name) or name == DEFAULT:
        raise UsageProblem(
            f"A name must have 1 to 32 characters of a-z, 0-9 and -, and must not be {DEFAULT!r}. It is written to "
            "logs: use the name of a system, never of a patient."
        )
    client: SecretsManagerClient = aws.client("secretsmanager")
    with errors_in_words("The tokens"):
        stored = read(client, secret_id)
        if any(entry.get("name") == name for entry in stored.named):
            raise UsageProblem(f"The token {name} already exists. Revoke it first, or choose another name.")
        if len(stored.named) >= MAX_TOKENS:
            raise UsageProblem(f"There are already {MAX_TOKENS} tokens, the maximum. Revoke unused tokens first.")
        now = datetime.now(UTC).replace(microsecond=0)
        expires = (now + timedelta(days=days)).isoformat()
        token = new_token() if really else None
        if token is not None:
            digest = hashlib.sha256(token.encode()).hexdigest()
            entry = {"name": name, "sha256": digest, "expires": expires, "created": now.isoformat()}
            _write(client, secret_id, stored, stored.fields | {"tokens": [*stored.named, entry]})
    if shape.for_programs:
        print_record({"added": really, "name": name, "expires": expires, **({"token": token} if token else {})}, shape)
    elif token is None:
        output.print_text(f"This would add the token {name}, which expires on {expires}.")
        output.stdout.print("Nothing was changed. Run the same command with --yes to add the token.")
    else:
        output.stderr.print(printable(f"The token {name} expires on {expires}. It is shown only once."))
        output.print_text(token)
    return EXIT_OK


def show(aws: Aws, secret_id: str, *, shape: Shape = Shape.TABLE) -> int:
    """List the names of the tokens with their times, and return the exit code. Raises ServiceError."""
    client: SecretsManagerClient = aws.client("secretsmanager")
    with errors_in_words("The tokens"):
        stored = read(client, secret_id)
    now = datetime.now(UTC)
    default = [{"name": DEFAULT, "created": None, "expires": None}] if stored.fields.get("token") else []
    found = [*default, *({name: entry.get(name) for name in ("name", "created", "expires")} for entry in stored.named)]
    listed = [{**entry, "expired": _has_expired(entry["expires"], now)} for entry in found]
    if shape.for_programs:
        print_records({"tokens": listed}, ("name", "created", "expires", "expired"), listed, shape)
        return EXIT_OK
    table = Table("Name", "Created", "Expires", box=None, pad_edge=False)
    for entry in listed:
        ends = "never" if entry["expires"] is None else f"{entry['expires']}{' (expired)' if entry['expired'] else ''}"
        table.add_row(*(printable(str(text or "")) for text in (entry["name"], entry["created"], ends)))
    output.stdout.print(table)
    return EXIT_OK


def revoke(aws: Aws, secret_id: str, name: str, *, really: bool, shape: Shape = Shape.TABLE) -> int:
    """Revoke a token, and return the exit code. Raises UsageProblem if the name is unknown, ServiceError."""
    client: SecretsManagerClient = aws.client("secretsmanager")
    with errors_in_words("The tokens"):
        stored = read(client, secret_id)
        left = [entry for entry in stored.named if entry.get("name") != name]
        if name == DEFAULT:
            if not stored.fields.get("token"):
                raise UsageProblem("The default token is already revoked.")
            if not left:
                raise UsageProblem("The default token is the only token. Add a named token first, or use rotate-token.")
            changed = stored.fields | {"token": None, "previous_sha256": None}  # no value  # nosec B105
        else:
            if len(left) == len(stored.named):
                raise UsageProblem(f"There is no token {name}. `pneumonia token list` shows all tokens.")
            if not left and not stored.fields.get("token"):
                raise UsageProblem(f"{name} is the only token. Add another token first.")
            changed = stored.fields | {"tokens": left}
        if really:
            _write(client, secret_id, stored, changed)
    if shape.for_programs:
        print_record({"revoked": really, "name": name}, shape)
    elif really:
        output.print_text(f"The token {name} stops working within five minutes.")
    else:
        output.print_text(f"This would revoke the token {name}.")
        output.stdout.print("Nothing was changed. Run the same command with --yes to revoke the token.")
    return EXIT_OK


def read(client: "SecretsManagerClient", secret_id: str) -> Stored:
    """Return the current version of the secret. Raises ServiceError if it is missing or malformed, and ClientError."""
    try:
        found = client.get_secret_value(SecretId=secret_id, VersionStage=_CURRENT)
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            raise ServiceError(
                "The secret with the tokens does not exist. Check that the service is deployed with auth token."
            ) from error
        raise
    try:
        fields = json.loads(found["SecretString"])
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise ServiceError(
            "The secret with the tokens is not a JSON object. Restore an earlier version of it in Secrets Manager."
        )
    return Stored(found["VersionId"], fields)


def _write(client: "SecretsManagerClient", secret_id: str, stored: Stored, fields: Mapping[str, Any]) -> None:
    """Write `fields` as the current version. Raises ServiceError if another command wrote after `stored` was read."""
    # This write replaces the previous version of the secret, and with it the token before the last rotation. The hash
    # keeps that token valid.
    kept = {"previous_sha256": stored.fields.get("previous_sha256", _previous_sha256(client, secret_id)), **fields}
    client.put_secret_value(SecretId=secret_id, SecretString=json.dumps(kept))
    if client.get_secret_value(SecretId=secret_id, VersionStage=_PREVIOUS)["VersionId"] != stored.version:
        raise ServiceError(
            "Another command changed the tokens at the same time. Check with `pneumonia token list`, and try again."
        )


def _previous_sha256(client: "SecretsManagerClient", secret_id: str) -> str | None:
    try:
        found = client.get_secret_value(SecretId=secret_id, VersionStage=_PREVIOUS)["SecretString"]
        token = json.loads(found)["token"]
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":  # the secret was never changed
            return None
        raise
    except (ValueError, KeyError, TypeError):
        return None
    return hashlib.sha256(token.encode()).hexdigest() if isinstance(token, str) else None


def _has_expired(expires: Any, now: datetime) -> bool:
    if expires is None:
        return False
    try:
        return datetime.fromisoformat(str(expires)) <= now
    except (ValueError, TypeError):  # not a time, or a time without a zone: the service refuses the token
        return True
