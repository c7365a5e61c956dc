"""The command around the state machine. tests/integration/test_backfill.py tests the state machine."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.stepfunctions.models import StepFunctionBackend

from pneumonia_cli.client.batch import backfill as command
from pneumonia_cli.client.batch.backfill import Archive
from pneumonia_cli.client.errors import UsageProblem
from tests.client.conftest import Pneumonia
from tests.conftest import RESULTS, make_bucket

UPLOADS = "uploads"
DEFINITION = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}}


@pytest.fixture
def sfn(aws_credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(command, "_LOOK_EVERY_SECONDS", 0.01)
    # In this mode, moto runs nothing: an execution is RUNNING until it is stopped, and has no list of map runs.
    monkeypatch.setattr(StepFunctionBackend, "list_map_runs", lambda _backend, _execution_arn: {"mapRuns": []})
    with mock_aws():
        s3, client = boto3.client("s3"), boto3.client("stepfunctions")
        make_bucket(s3, RESULTS)
        yield client
        s3.close()
        client.close()


@pytest.fixture
def machine(sfn: Any) -> str:
    role = "arn:aws:iam::123456789012:role/x"
    return str(sfn.create_state_machine(name="m", definition=json.dumps(DEFINITION), roleArn=role)["stateMachineArn"])


@pytest.fixture
def parts(machine: str) -> list[str]:
    return ["--state-machine", machine, "--upload-bucket", UPLOADS, "--results-bucket", RESULTS]


def running(sfn: Any, machine: str) -> dict[str, dict[str, Any]]:
    """Return name -> input of the running executions."""
    found = sfn.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
    described = (sfn.describe_execution(executionArn=entry["executionArn"]) for entry in found)
    return {entry["name"]: json.loads(entry["input"]) for entry in described}


def test_it_starts_with_the_given_arguments(pneumonia: Pneumonia, sfn: Any, machine: str, parts: list[str]) -> None:
    ran = pneumonia("backfill", "--prefix", "films/", "--no-wait", "--json", *parts)
    told = json.loads(ran.out)
    assert (ran.code, told["started"]) == (0, True)
    assert running(sfn, machine) == {told["execution"]: {"bucket": UPLOADS, "prefix": "films/"}}


@pytest.mark.slow
def test_a_second_backfill_of_one_archive_is_not_started(
    pneumonia: Pneumonia, sfn: Any, machine: str, parts: list[str]
) -> None:
    inventory = ["--bucket", "archive", "--inventory", "s3://lists/archive/all/2026-11-24T01-00Z/manifest.json"]
    first = json.loads(pneumonia("backfill", *inventory, "--no-wait", "--json", *parts).out)
    second = json.loads(pneumonia("backfill", *inventory, "--no-wait", "--json", *parts).out)
    assert second == {"execution": first["execution"], "started": False}
    assert running(sfn, machine)[first["execution"]]["inventory"] == {
        "bucket": "lists",
        "key": "archive/all/2026-11-24T01-00Z/manifest.json",
    }
    other = pneumonia("backfill", "--bucket", "archive", "--no-wait", *parts)
    assert "Started" in other.err
    assert f"--execution {max(running(sfn, machine).keys() - {first['execution']})}" in other.out
    assert len(running(sfn, machine)) == 2


@pytest.mark.slow
def test_a_stopped_backfill_ends_without_a_summary(
    pneumonia: Pneumonia, sfn: Any, machine: str, parts: list[str]
) -> None:
    name = json.loads(pneumonia("backfill", "--prefix", "", "--no-wait", "--json", *parts).out)["execution"]
    assert pneumonia("backfill", "--execution", name, "--stop", *parts).code == 0
    watched = pneumonia("backfill", "--execution", name, *parts)
    assert watched.code == 4
    assert running(sfn, machine) == {}
    assert "ended with the status ABORTED and without a summary" in watched.out
    as_json = json.loads(pneumonia("backfill", "--execution", name, "--json", *parts).out)
    assert as_json == {"execution": name, "status": "ABORTED", "summary": None}


@pytest.mark.slow
def test_ctrl_c_stops_only_the_watching(
    pneumonia: Pneumonia, sfn: Any, machine: str, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "time", SimpleNamespace(sleep=interrupt))
    ran = pneumonia("backfill", "--prefix", "films/", *parts)
    assert ran.code == 130
    (name,) = running(sfn, machine)
    assert f"--execution {name}" in ran.err


def test_an_unknown_execution_is_reported(pneumonia: Pneumonia, parts: list[str]) -> None:
    ran = pneumonia("backfill", "--execution", "unknown", *parts)
    assert ran.code == 4
    assert "ExecutionDoesNotExist" in ran.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--prefix PREFIX"),
        (["--stop"], "--execution NAME"),
        (["--execution", "x", "--prefix", "films/"], "was started before"),
        (["--inventory", "lists/manifest.json"], "s3://BUCKET"),
        (["--inventory", "s3://lists/all/data/1.csv.gz"], "manifest.json"),
        (["--inventory", "s3://manifest.json"], "s3://BUCKET"),
    ],
)
def test_usage(pneumonia: Pneumonia, parts: list[str], arguments: list[str], told: str) -> None:
    ran = pneumonia("backfill", *arguments, *parts)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err


def test_without_a_stack(pneumonia: Pneumonia) -> None:
    ran = pneumonia("backfill", "--prefix", "films/")
    assert ran.code == 2
    assert "--state-machine" in ran.err


SOURCES = f"{UPLOADS},archive/films/,lists"


@pytest.mark.parametrize(
    ("bucket", "prefix", "inventory"),
    [
        (None, "", None),
        ("archive", "films/", None),
        ("archive", "films/2019/", None),
        ("archive", "films/", "s3://lists/a/manifest.json"),
    ],
)
def test_archives_that_the_stack_may_read_are_accepted(bucket: str | None, prefix: str, inventory: str | None) -> None:
    chosen = command.archive(bucket, prefix, inventory, UPLOADS, SOURCES)
    assert (chosen.bucket, chosen.prefix) == (bucket or UPLOADS, prefix)


@pytest.mark.parametrize(
    ("bucket", "prefix", "inventory"),
    [
        ("archive", "", None),
        ("archive", "letters/", None),
        ("archives", "films/", None),
        (RESULTS, "", None),
        ("archive", "films/", "s3://elsewhere/a/manifest.json"),
    ],
)
def test_archives_that_the_stack_may_not_read_are_refused(bucket: str, prefix: str, inventory: str | None) -> None:
    with pytest.raises(UsageProblem, match="backfill_archives"):
        command.archive(bucket, prefix, inventory, UPLOADS, SOURCES)


def test_without_the_output_of_the_stack_any_archive_is_accepted() -> None:
    assert command.archive("any", None, None, UPLOADS, None) == Archive("any")
