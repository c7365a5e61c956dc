import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from pneumonia.errors import AccessCheckFailed
from pneumonia.http.token_secret import MIN_LENGTH, read_tokens

NAME = "token"
FIRST, SECOND, THIRD = ("first" * 5, "second" * 5, "third" * 5)


@pytest.fixture
def vault(aws_credentials: None) -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("secretsmanager")
        client.create_secret(Name=NAME, SecretString=json.dumps({"token": FIRST}))
        yield client


def rotate(vault: Any, token: str) -> None:
    vault.put_secret_value(SecretId=NAME, SecretString=json.dumps({"token": token}))


def test_before_any_rotation_there_is_one(vault: Any) -> None:
    assert read_tokens(NAME) == [FIRST]


def test_the_previous_one_stays_valid_and_the_one_before_does_not(vault: Any) -> None:
    rotate(vault, SECOND)
    assert read_tokens(NAME) == [SECOND, FIRST]
    rotate(vault, THIRD)
    assert read_tokens(NAME) == [THIRD, SECOND]


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
def test_a_value_that_is_no_token_lets_nobody_in(vault: Any, value: str) -> None:
    vault.put_secret_value(SecretId=NAME, SecretString=value)
    with pytest.raises(AccessCheckFailed) as caught:
        read_tokens(NAME)
    assert value not in caught.value.detail


def test_a_previous_value_that_is_no_token_is_left_out(vault: Any) -> None:
    vault.put_secret_value(SecretId=NAME, SecretString="not json")
    rotate(vault, SECOND)
    assert read_tokens(NAME) == [SECOND]


def test_a_missing_secret_is_an_error(vault: Any) -> None:
    with pytest.raises(ClientError):
        read_tokens("another")
