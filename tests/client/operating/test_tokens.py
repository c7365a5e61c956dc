import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from pneumonia import aws
from pneumonia.http import token_secret
from pneumonia.http.token_secret import DEFAULT, digest_of
from pneumonia_cli.client.operating import tokens
from pneumonia_cli.local.access import create_token
from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.names import TOKEN_SECRET
from tests.client.conftest import Pneumonia

LOCAL = ("--stack", "local")


@pytest.fixture
def default(cloud: Cloud) -> str:
    """The default token of a service with auth token."""
    return create_token()


@pytest.fixture
def vault(cloud: Cloud) -> Iterator[Any]:
    client = boto3.client("secretsmanager")
    yield client
    client.close()
    with contextlib.suppress(Exception):
        aws.secrets().close()


def valid() -> dict[str, list[bytes]]:
    """Return the digests of the tokens that the API accepts now, by name."""
    found: dict[str, list[bytes]] = {}
    for known in token_secret.read_tokens(TOKEN_SECRET):
        found.setdefault(known.name, []).append(known.digest)
    return found


def add(pneumonia: Pneumonia, name: str) -> str:
    ran = pneumonia("token", "add", name, *LOCAL, "--yes", "--json")
    assert ran.code == 0, ran.err
    return str(json.loads(ran.out)["token"])


def test_each_caller_gets_a_token_with_a_separate_expiry(default: str, vault: Any, pneumonia: Pneumonia) -> None:
    ran = pneumonia("token", "add", "ward-3", "--days", "90", *LOCAL, "--yes")
    assert ran.code == 0
    token = ran.out.strip()
    assert token not in ran.err
    assert "shown only once" in ran.err
    other = add(pneumonia, "pacs")
    assert valid() == {DEFAULT: [digest_of(default)], "ward-3": [digest_of(token)], "pacs": [digest_of(other)]}
    (ward,) = (known for known in token_secret.read_tokens(TOKEN_SECRET) if known.name == "ward-3")
    assert ward.expires is not None
    assert abs(ward.expires - (datetime.now(UTC) + timedelta(days=90)).timestamp()) < 600
    stored = vault.get_secret_value(SecretId=TOKEN_SECRET)["SecretString"]
    assert token not in stored
    assert other not in stored


def test_one_is_revoked_and_the_others_stay(default: str, vault: Any, pneumonia: Pneumonia) -> None:
    ward, pacs = add(pneumonia, "ward-3"), add(pneumonia, "pacs")
    assert pneumonia("token", "revoke", "ward-3", *LOCAL, "--yes").code == 0
    assert valid() == {DEFAULT: [digest_of(default)], "pacs": [digest_of(pacs)]}
    assert add(pneumonia, "ward-3") != ward  # the name can be used again


def test_the_default_token_can_be_given_up(default: str, vault: Any, pneumonia: Pneumonia) -> None:
    refused = pneumonia("token", "revoke", DEFAULT, *LOCAL, "--yes")
    assert refused.code == 2
    assert "only token" in refused.err
    add(pneumonia, "pacs")
    assert pneumonia("token", "revoke", DEFAULT, *LOCAL, "--yes").code == 0
    assert valid().keys() == {"pacs"}
    assert pneumonia("token", "revoke", DEFAULT, *LOCAL, "--yes").code == 2
    assert pneumonia("token", "revoke", "pacs", *LOCAL, "--yes").code == 2
    assert valid().keys() == {"pacs"}


@pytest.mark.slow
def test_a_rotation_keeps_named_tokens_and_named_tokens_keep_a_rotation(
    default: str, vault: Any, pneumonia: Pneumonia
) -> None:
    ward = add(pneumonia, "ward-3")
    second = json.loads(pneumonia("rotate-token", *LOCAL, "--yes", "--show", "--json").out)["token"]
    add(pneumonia, "pacs")
    add(pneumonia, "ris")
    assert valid()[DEFAULT] == [digest_of(second), digest_of(default)]  # the old one until the next rotation
    third = json.loads(pneumonia("rotate-token", *LOCAL, "--yes", "--show", "--json").out)["token"]
    assert valid()[DEFAULT] == [digest_of(third), digest_of(second)]
    assert pneumonia("rotate-token", *LOCAL, "--yes", "--revoke").code == 0
    assert digest_of(third) not in valid()[DEFAULT]
    assert pneumonia("token", "revoke", "pacs", *LOCAL, "--yes").code == 0
    assert digest_of(third) not in valid()[DEFAULT]
    assert valid()["ward-3"] == [digest_of(ward)]


def test_the_list_has_names_and_times_and_no_token(default: str, vault: Any, pneumonia: Pneumonia) -> None:
    token = add(pneumonia, "ward-3")
    fields = json.loads(vault.get_secret_value(SecretId=TOKEN_SECRET)["SecretString"])
    fields["tokens"].append({"name": "old\x9b", "sha256": "ab" * 32, "expires": "2020-01-01T00:00:00+00:00"})
    vault.put_secret_value(SecretId=TOKEN_SECRET, SecretString=json.dumps(fields))
    listed = pneumonia("token", "list", *LOCAL)
    assert listed.code == 0
    for shown in (DEFAULT, "never", "ward-3", "2020-01-01T00:00:00+00:00 (expired)"):
        assert shown in listed.out
    for hidden in (token, default, "ab" * 32, digest_of(token).hex(), "\x9b"):
        assert hidden not in listed.out
    told = json.loads(pneumonia("token", "list", *LOCAL, "--json").out)["tokens"]
    assert [(entry["name"], entry["expired"]) for entry in told] == [
        (DEFAULT, False), ("ward-3", False), ("old\x9b", True),
    ]  # fmt: skip


def test_without_yes_nothing_changes(default: str, vault: Any, pneumonia: Pneumonia) -> None:
    add(pneumonia, "pacs")
    before = vault.get_secret_value(SecretId=TOKEN_SECRET)["SecretString"]
    for arguments in (["add", "ward-3"], ["revoke", "pacs"], ["revoke", DEFAULT]):
        ran = pneumonia("token", *arguments, *LOCAL)
        assert ran.code == 0
        assert "Nothing was changed" in ran.out
    assert "token" not in json.loads(pneumonia("token", "add", "ward-3", *LOCAL, "--json").out)
    assert vault.get_secret_value(SecretId=TOKEN_SECRET)["SecretString"] == before


@pytest.mark.parametrize("name", ["", "Ward", "ward 3", "-a", "a" * 33, DEFAULT, "ä", "a\nb", "pacs"])
def test_names_that_are_refused(default: str, vault: Any, pneumonia: Pneumonia, name: str) -> None:
    add(pneumonia, "pacs")
    assert pneumonia("token", "add", *LOCAL, "--yes", "--", name).code == 2
    assert valid().keys() == {DEFAULT, "pacs"}


def test_a_name_that_is_not_there(default: str, vault: Any, pneumonia: Pneumonia) -> None:
    assert pneumonia("token", "revoke", "ward-3", *LOCAL, "--yes").code == 2


def test_a_concurrent_change_of_the_secret_is_an_error(
    default: str, vault: Any, pneumonia: Pneumonia, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tokens.read

    def late(client: Any, secret_id: str) -> tokens.Stored:
        stored = found(client, secret_id)
        vault.put_secret_value(SecretId=TOKEN_SECRET, SecretString=json.dumps({"token": default}))
        return stored

    monkeypatch.setattr(tokens, "read", late)
    ran = pneumonia("token", "add", "ward-3", *LOCAL, "--yes")
    assert ran.code == 4
    assert "at the same time" in " ".join(ran.err.split())


@pytest.mark.parametrize("value", ["not json", "[]"])
def test_a_malformed_secret_is_not_changed(default: str, vault: Any, pneumonia: Pneumonia, value: str) -> None:
    vault.put_secret_value(SecretId=TOKEN_SECRET, SecretString=value)
    for command in (["token", "add", "ward-3"], ["token", "revoke", "ward-3"], ["rotate-token"]):
        assert pneumonia(*command, *LOCAL, "--yes").code == 4
    assert vault.get_secret_value(SecretId=TOKEN_SECRET)["SecretString"] == value


def test_a_service_without_a_token(cloud: Cloud, pneumonia: Pneumonia) -> None:
    for arguments in (["add", "a", "--yes"], ["list"], ["revoke", "a", "--yes"]):
        ran = pneumonia("token", *arguments, *LOCAL)
        assert ran.code == 4
        assert "auth token" in ran.err


def test_no_more_tokens_than_the_secret_holds(default: str, vault: Any, pneumonia: Pneumonia) -> None:
    entries = [{"name": f"n{number}", "sha256": "ab" * 32, "expires": None} for number in range(tokens.MAX_TOKENS)]
    vault.put_secret_value(SecretId=TOKEN_SECRET, SecretString=json.dumps({"token": default, "tokens": entries}))
    assert pneumonia("token", "add", "one-more", *LOCAL, "--yes").code == 2
