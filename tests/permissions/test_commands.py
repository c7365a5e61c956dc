"""The checker of the AWS calls of commands, and the table of their permissions."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pneumonia_cli.client import permissions
from pneumonia_cli.client.commands.app import app
from pneumonia_cli.client.operating import rotate
from pneumonia_cli.client.operating.tokens import Stored
from pneumonia_cli.client.permissions import COMMANDS, Permission
from tests.permissions.calls import Need
from tests.permissions.commands import Checker, covers
from tools import permissions_table

# Commands that call no AWS API with credentials.
_LOCAL = {"predict", "serve"}


STORED = Stored("v", {"token": "x"})


@pytest.fixture
def secret(aws_credentials: None) -> Iterator[Any]:
    with mock_aws(), contextlib.closing(boto3.client("secretsmanager")) as client:
        client.create_secret(Name="pneumonia-token", SecretString=json.dumps({"token": "x"}))
        yield client


def test_a_call_that_is_not_listed_is_refused(secret: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    checker = Checker()
    with checker.watching():
        rotate.rotate(secret, "pneumonia-token", STORED, times=1)
    assert checker.checked == {("rotate-token", "secretsmanager:PutSecretValue")}
    less = (Permission(("secretsmanager:DescribeSecret",), permissions.SECRET),)
    monkeypatch.setattr("tests.permissions.commands.COMMANDS", {**COMMANDS, "rotate-token": less})
    with (
        pytest.raises(AssertionError, match="PutSecretValue on the secret of the token, which"),
        Checker().watching(),
    ):
        rotate.rotate(secret, "pneumonia-token", STORED, times=1)


def test_calls_of_other_code_are_ignored(secret: Any) -> None:
    checker = Checker()
    with checker.watching():
        secret.get_secret_value(SecretId="pneumonia-token")
    assert not checker.checked


@pytest.mark.parametrize(
    ("permission", "need", "arguments", "enough"),
    [
        (Permission(("a",), "the queue"), Need("a", "the queue"), (), True),
        (Permission(("a",), "the queue"), Need("b", "the queue"), (), False),
        (Permission(("a",), "the queue"), Need("a", "the dead-letter queue"), (), False),
        (Permission(("a",), permissions.UPLOADS, "batch/*"), Need("a", "the upload bucket/batch/x"), (), True),
        (Permission(("a",), permissions.UPLOADS, "batch/*"), Need("a", "the upload bucket/api/x"), (), False),
        (Permission(("a",), "the queue", when="with `--missing`"), Need("a", "the queue"), ("x",), False),
        (Permission(("a",), "the queue", when="with `--missing`"), Need("a", "the queue"), ("x", "--missing"), True),
    ],
)
def test_permissions_that_cover_a_need(
    permission: Permission, need: Need, arguments: tuple[str, ...], enough: bool
) -> None:
    assert covers(permission, need, arguments) is enough


def test_every_command_is_listed() -> None:
    named = {command.name or command.callback.__name__.strip("_") for command in app.registered_commands
             if command.callback}  # fmt: skip
    # The gateway does the same as `call`, with its own identity: docs/hospital.md.
    named |= {str(group.name) for group in app.registered_groups} - {"gateway"}
    assert named - _LOCAL == set(COMMANDS)


def test_the_document_is_written_from_the_list() -> None:
    document = permissions_table.CLI_MD.read_text(encoding="utf-8")
    assert document == permissions_table.render(document), "Run `make permissions-table`."
