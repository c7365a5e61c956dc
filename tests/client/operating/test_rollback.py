import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from pneumonia_cli.client.errors import ServiceError
from pneumonia_cli.client.operating import rollback, waking
from pneumonia_cli.client.operating.stack_resources import LIVE, Resource, resources
from tests.client.conftest import Pneumonia

STACK = "Ward3"


@pytest.fixture
def functions(aws_credentials: None) -> Iterator[Any]:
    """A stack with both functions and one of the CDK. Each has three versions, and `live` is at the newest."""
    with mock_aws():
        client = boto3.client("lambda")
        iam = boto3.client("iam")
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        cloudformation = boto3.client("cloudformation")
        resources = {
            logical: {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": name,
                    "Role": role,
                    "Runtime": "python3.13",
                    "Handler": "index.handler",
                    "Code": {"ZipFile": "def handler(event, context): pass"},
                },
            }
            for logical, name in (
                ("InferenceApi27FA9410", "ward-api"),
                ("InferenceWorker90A9B07E", "ward-worker"),
                ("BucketNotificationsHandler05", "ward-notifications"),
            )
        }
        cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps({"Resources": resources}))
        for name in ("ward-api", "ward-worker"):
            for number in range(3):
                client.update_function_code(FunctionName=name, ZipFile=archive(f"number = {number}"))
                client.publish_version(FunctionName=name)
            newest = max(versions(client, name))
            client.create_alias(FunctionName=name, Name=LIVE, FunctionVersion=str(newest))
        yield client
        for made in (client, iam, cloudformation):
            made.close()


def archive(source: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("index.py", source)
    return stream.getvalue()


def versions(client: Any, name: str) -> list[int]:
    listed = client.list_versions_by_function(FunctionName=name)["Versions"]
    return [int(entry["Version"]) for entry in listed if entry["Version"].isdecimal()]


def live(client: Any) -> list[int]:
    return [
        int(client.get_alias(FunctionName=name, Name=LIVE)["FunctionVersion"]) for name in ("ward-api", "ward-worker")
    ]


def test_each_rollback_moves_both_functions_back_by_one_version(functions: Any, pneumonia: Pneumonia) -> None:
    newest = live(functions)
    ran = pneumonia("rollback", "--stack", STACK, "--yes", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["moved"] is True
    assert [(one["function"], one["from"], one["to"]) for one in told["functions"]] == [
        ("ward-api", newest[0], newest[0] - 1),
        ("ward-worker", newest[1], newest[1] - 1),
    ]
    assert live(functions) == [version - 1 for version in newest]
    assert pneumonia("rollback", "--stack", STACK, "--yes").code == 0
    assert live(functions) == [version - 2 for version in newest]


def test_without_yes_nothing_moves(functions: Any, pneumonia: Pneumonia) -> None:
    before = live(functions)
    ran = pneumonia("rollback", "--stack", STACK)
    assert ran.code == 0
    assert "ward-worker" in ran.out
    assert "Nothing was moved" in ran.out
    assert live(functions) == before


def test_if_one_function_cannot_roll_back_none_is_moved(functions: Any, pneumonia: Pneumonia) -> None:
    oldest = min(versions(functions, "ward-worker"))
    functions.update_alias(FunctionName="ward-worker", Name=LIVE, FunctionVersion=str(oldest))
    before = live(functions)
    ran = pneumonia("rollback", "--stack", STACK, "--yes")
    assert ran.code == 4
    assert f"ward-worker has no version before {oldest}" in ran.err
    assert live(functions) == before


class Shifting:
    """A function with two versions that share its traffic."""

    def get_alias(self, **_request: Any) -> Any:
        return {"FunctionVersion": "7", "RoutingConfig": {"AdditionalVersionWeights": {"8": 0.1}}}


def test_a_running_deployment_is_left_to_codedeploy() -> None:
    with pytest.raises(ServiceError, match="is running"):
        rollback.step(Shifting(), "ward-api")


@pytest.fixture
def recorded(functions: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the newest versions in CloudFormation, as AWS does: in moto a version has no physical id."""
    found = live(functions)
    arn = "arn:aws:lambda:eu-central-1:123456789012:function"
    made = [
        Resource("AWS::Lambda::Version", f"{logical}CurrentVersion0A", f"{arn}:{name}:{version}")
        for logical, name, version in zip(
            ("InferenceApi", "InferenceWorker"), ("ward-api", "ward-worker"), found, strict=True
        )
    ]
    monkeypatch.setattr(rollback, "resources", lambda aws, stack: [*resources(aws, stack), *made])
    return found


@pytest.mark.slow
def test_undo_moves_the_aliases_to_the_recorded_versions(
    functions: Any, recorded: list[int], pneumonia: Pneumonia
) -> None:
    for _ in range(2):
        assert pneumonia("rollback", "--stack", STACK, "--yes").code == 0
    shown = pneumonia("rollback", "--undo", "--stack", STACK, "--json")
    assert [(one["from"], one["to"]) for one in json.loads(shown.out)["functions"]] == [
        (version - 2, version) for version in recorded
    ]
    assert live(functions) == [version - 2 for version in recorded]
    ran = pneumonia("rollback", "--undo", "--stack", STACK, "--yes")
    assert "Deploy now" in ran.out
    assert live(functions) == recorded
    again = pneumonia("rollback", "--undo", "--stack", STACK, "--yes")
    assert "You can deploy" in " ".join(again.out.split())


class Idle:
    """A Lambda version that was not called for weeks: it refuses the call that wakes it."""

    def __init__(self, pending: int) -> None:
        self.states = ["Inactive", "Inactive", *["Pending"] * pending, "Active"]
        self.invoked: list[dict[str, Any]] = []

    def get_function_configuration(self, **asked: Any) -> Any:
        assert asked == {"FunctionName": "ward-api", "Qualifier": "6"}
        return {"State": self.states.pop(0) if len(self.states) > 1 else self.states[0]}

    def invoke(self, **asked: Any) -> Any:
        self.invoked.append(asked)
        raise ClientError({"Error": {"Code": "CodeArtifactUserPendingException"}}, "Invoke")


def test_an_inactive_version_is_activated(capsys: pytest.CaptureFixture[str]) -> None:
    client, waits = Idle(pending=3), list[float]()
    assert waking.wake(client, "ward-api", 6, waits.append)
    assert [asked["FunctionName"] for asked in client.invoked] == ["ward-api:6"]
    assert len(waits) == 4
    assert "Version 6 of ward-api was not used for weeks" in " ".join(capsys.readouterr().err.split())
    assert not waking.wake(client, "ward-api", 6, waits.append)


def test_a_version_that_stays_inactive_is_an_error() -> None:
    with pytest.raises(ServiceError, match="not active after 10 minutes"):
        waking.wake(Idle(pending=1000), "ward-api", 6, lambda _seconds: None)


def test_traffic_moves_only_after_all_versions_are_active(
    functions: Any, pneumonia: Pneumonia, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, woken = live(functions), []

    def wake(_client: Any, function: str, version: int) -> bool:
        assert live(functions) == before
        woken.append((function, version))
        return function == "ward-worker"

    monkeypatch.setattr(rollback, "wake", wake)
    told = json.loads(pneumonia("rollback", "--stack", STACK, "--yes", "--json").out)
    assert woken == [("ward-api", before[0] - 1), ("ward-worker", before[1] - 1)]
    assert [one["woken"] for one in told["functions"]] == [False, True]


def test_a_stack_of_another_project_cannot_be_rolled_back(functions: Any, pneumonia: Pneumonia) -> None:
    client = boto3.client("cloudformation")
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {}}
    client.create_stack(StackName="Other", TemplateBody=json.dumps({"Resources": {"B": bucket}}))
    client.close()
    assert pneumonia("rollback", "--stack", "Other", "--yes").code == 4
    assert pneumonia("rollback", "--stack", "local", "--yes").code == 2
    assert pneumonia("rollback", "--yes").code == 2


def test_the_alias_has_the_name_that_the_stack_gives_it() -> None:
    # Read as text, because importing it would start the CDK.
    source = (Path(__file__).parents[3] / "infra" / "inference.py").read_text(encoding="utf-8")
    assert f'LIVE: Final = "{LIVE}"\n' in source


def made(function: str, day: int, previous: int | None = 6) -> rollback.Step:
    return rollback.Step(function, 7, f"2026-11-{day:02}T09:30:51.000+0000", previous, "2026-11-01T09:30:51.000+0000")


def test_a_function_that_the_last_deployment_did_not_change_stays() -> None:
    api, worker = made("ward-api", 25), made("ward-worker", 24)
    assert rollback.of_the_last_deployment([api, worker]) == [api]
    assert rollback.of_the_last_deployment([made("ward-api", 25), made("ward-worker", 25)]) == [
        made("ward-api", 25),
        made("ward-worker", 25),
    ]


def test_an_unchanged_function_needs_no_earlier_version() -> None:
    api, worker = made("ward-api", 25), made("ward-worker", 24, previous=None)
    assert rollback.of_the_last_deployment([api, worker]) == [api]
