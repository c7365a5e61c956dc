import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from pneumonia.errors import AccessCheckFailed
from pneumonia.http.token_secret import DEFAULT, MIN_LENGTH, KnownToken, digest_of, read_tokens

NAME = "token"
FIRST, SECOND, THIRD = ("first" * 5, "second" * 5, "third" * 5)


@pytest.fixture
def vault(aws_credentials: None) -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("secretsmanager")
        client.create_secret(Name=NAME, SecretString=json.dumps({"token": FIRST}))
        yield client


def defaults(*tokens: str) -> list[KnownToken]:
    return [KnownToken(DEFAULT, digest_of(token)) for token in tokens]


def write(vault: Any, **fields: Any) -> None:
    vault.put_secret_value(SecretId=NAME, SecretString=json.dumps(fields))


def named(name: Any = "ward-3", sha256: Any = "ab" * 32, expires: Any = None) -> dict[str, Any]:
    return {"name": name, "sha256": sha256, "expires": expires}


def rotate(vault: Any, token: str) -> None:
    vault.put_secret_value(SecretId=NAME, SecretString=json.dumps({"token": token}))


def test_before_any_rotation_there_is_one_token(vault: Any) -> None:
    assert read_tokens(NAME) == defaults(FIRST)


def test_the_previous_token_stays_valid_and_the_one_before_does_not(vault: Any) -> None:
    rotate(vault, SECOND)
    assert read_tokens(NAME) == defaults(SECOND, FIRST)
    rotate(vault, THIRD)
    assert read_tokens(NAME) == defaults(THIRD, SECOND)


@pytest.mark.parametrize(
    "value",
    [
        "not json",
        "[]",
        '"text"',
        "{}",
        '{"token": ""}',
        '{"token": null}',
        json.dumps({"token": "x" * (MIN_LENGTH - 1)}),
        json.dumps({"token": "with a space in the middle"}),
        json.dumps({"token": "schlüssel" * 5}),
    ],
)
def test_an_invalid_secret_is_an_error(vault: Any, value: str) -> None:
    vault.put_secret_value(SecretId=NAME, SecretString=value)
    with pytest.raises(AccessCheckFailed) as caught:
        read_tokens(NAME)
    assert value not in caught.value.detail


def test_an_invalid_previous_secret_is_ignored(vault: Any) -> None:
    vault.put_secret_value(SecretId=NAME, SecretString="not json")
    rotate(vault, SECOND)
    assert read_tokens(NAME) == defaults(SECOND)


def test_a_missing_secret_is_an_error(vault: Any) -> None:
    with pytest.raises(ClientError):
        read_tokens("another")


def test_tokens_with_a_name(vault: Any) -> None:
    write(vault, token=FIRST, tokens=[named(), named("pacs", "cd" * 32, "2027-01-01T00:00:00+01:00")])
    assert read_tokens(NAME)[-2:] == [
        KnownToken("ward-3", bytes.fromhex("ab" * 32)),
        KnownToken("pacs", bytes.fromhex("cd" * 32), 1798758000.0),
    ]


def test_a_revoked_name_is_not_valid(vault: Any) -> None:
    write(vault, token=FIRST, tokens=[named()])
    write(vault, token=FIRST, tokens=[])
    assert {token.name for token in read_tokens(NAME)} == {DEFAULT}


def test_the_previous_default_token_is_valid_by_its_hash(vault: Any) -> None:
    rotate(vault, SECOND)
    write(vault, token=SECOND, tokens=[named()], previous_sha256=digest_of(FIRST).hex())
    assert read_tokens(NAME)[:2] == defaults(SECOND, FIRST)
    write(vault, token=SECOND, tokens=[], previous_sha256=None)
    assert read_tokens(NAME) == defaults(SECOND)


def test_named_tokens_without_a_default_one(vault: Any) -> None:
    write(vault, token=None, tokens=[named()], previous_sha256=None)
    assert [token.name for token in read_tokens(NAME)] == ["ward-3"]


@pytest.mark.parametrize(
    "entry",
    [
        None, "ward", {}, named(None), named(""), named("Ward 3"), named("-a"), named("a" * 33), named(DEFAULT),
        named("a\n"), named(sha256=None), named(sha256="ab"), named(sha256="AB" * 32), named(sha256=FIRST),
        named(expires=7), named(expires="soon"), named(expires="2027-01-01"), named(expires="2027-01-01T00:00:00"),
        {"name": "ward-3", "sha256": "ab" * 32},
    ],
)  # fmt: skip
def test_an_invalid_entry_is_ignored(vault: Any, entry: Any) -> None:
    write(vault, token=FIRST, tokens=[entry, named("good", "cd" * 32)])
    assert [token.name for token in read_tokens(NAME)][-1:] == ["good"]
    assert "ward-3" not in {token.name for token in read_tokens(NAME)}
    write(vault, token=None, tokens=[entry])
    with pytest.raises(AccessCheckFailed):
        read_tokens(NAME)
