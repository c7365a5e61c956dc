import contextlib
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from pneumonia import aws
from pneumonia.http import token_secret
from pneumonia.http.token_secret import digest_of
from pneumonia_cli.local.access import create_token
from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.names import TOKEN_SECRET
from tests.client.conftest import Pneumonia

LOCAL = ("--stack", "local")


@pytest.fixture
def token(cloud: Cloud) -> str:
    """The token of a service with auth token."""
    return create_token()


@pytest.fixture
def valid(cloud: Cloud) -> Iterator[Any]:
    """The digests of the tokens that the API accepts now."""
    yield lambda: [known.digest for known in token_secret.read_tokens(TOKEN_SECRET)]
    with contextlib.suppress(Exception):
        aws.secrets().close()


def test_old_and_new_are_valid_until_the_next_rotation(token: str, valid: Any, pneumonia: Pneumonia) -> None:
    ran = pneumonia("rotate-token", *LOCAL, "--yes", "--show")
    assert ran.code == 0
    new = ran.out.splitlines()[-1]
    assert valid() == [digest_of(new), digest_of(token)]
    assert pneumonia("rotate-token", *LOCAL, "--yes").code == 0
    assert valid()[1] == digest_of(new)
    assert digest_of(token) not in valid()


def test_revoke_ends_the_old_one(token: str, valid: Any, pneumonia: Pneumonia) -> None:
    ran = pneumonia("rotate-token", *LOCAL, "--yes", "--revoke", "--show", "--json")
    told = json.loads(ran.out)
    assert (told["rotated"], told["revoked"], told["secret"]) == (True, True, TOKEN_SECRET)
    assert valid()[0] == digest_of(told["token"])
    assert digest_of(token) not in valid()


def test_without_yes_nothing_changes(token: str, valid: Any, pneumonia: Pneumonia) -> None:
    ran = pneumonia("rotate-token", *LOCAL, "--show")
    assert ran.code == 0
    assert "Nothing was changed" in ran.out
    assert valid() == [digest_of(token)]
    assert json.loads(pneumonia("rotate-token", *LOCAL, "--json").out)["rotated"] is False


def test_the_token_is_shown_only_if_asked_for(token: str, valid: Any, pneumonia: Pneumonia) -> None:
    ran = pneumonia("rotate-token", *LOCAL, "--yes", "--json")
    assert "token" not in json.loads(ran.out)
    told = pneumonia("rotate-token", *LOCAL, "--yes").out
    assert not [word for word in told.split() if digest_of(word) in valid()]


def test_a_service_without_a_token(cloud: Cloud, pneumonia: Pneumonia) -> None:
    ran = pneumonia("rotate-token", *LOCAL, "--yes")
    assert ran.code == 4
    assert "auth token" in ran.err


def test_the_secret_of_another_stack(cloud: Cloud, pneumonia: Pneumonia) -> None:
    client = boto3.client("secretsmanager")
    arn = client.create_secret(Name="other", SecretString="{}")["ARN"]
    assert pneumonia("rotate-token", "--secret", arn, "--yes").code == 0
    assert json.loads(client.get_secret_value(SecretId=arn)["SecretString"])["token"]
    client.close()
