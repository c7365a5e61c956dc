"""The checker of roles: it sees the calls of each handler, and reports actions removed from a policy."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from pneumonia import aws
from pneumonia.handlers import release_check, worker
from pneumonia.uploads import reader
from pneumonia.uploads.presign import presigned_post
from pneumonia_cli.stack.context import default_context
from tests.conftest import RESULTS, UPLOADS, ImageBytes, LoadEvent
from tests.infra.conftest import Synthesise, synthesiser
from tests.permissions.calls import Need, with_keys
from tests.permissions.roles import STACKS, Checker, role_of
from tests.permissions.watch import watching

VERSION = "arn:aws:lambda:eu-central-1:123456789012:function:worker:7"
HOOK: release_check.Hook = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "hook-1"}


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Synthesise:
    return synthesiser(default_context(), tmp_path_factory)


@pytest.fixture
def upload(
    s3: Any, tiny_service: None, load_event: LoadEvent, image_bytes: ImageBytes, lambda_context: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], None]:  # fmt: skip
    """An upload and its event: the worker writes a result, and replaces it after a second upload."""
    monkeypatch.setenv("RESULTS_BUCKET", RESULTS)

    def run() -> None:
        for sequencer in ("0A", "0B"):
            version = s3.put_object(Bucket=UPLOADS, Key="film.png", Body=image_bytes(grey=255))["VersionId"]
            event = load_event("sqs_s3_put_versioned")
            body = json.loads(event["Records"][0]["body"])
            body["Records"][0]["s3"]["object"] |= {"key": "film.png", "versionId": version, "sequencer": sequencer}
            event["Records"][0]["body"] = json.dumps(body)
            worker.handler(event, lambda_context)

    return run


@pytest.mark.slow
def test_the_role_of_the_worker_allows_its_calls(stacks: Synthesise, upload: Callable[[], None]) -> None:
    checker = Checker(stacks)
    with watching(checker.seen):
        upload()
    assert checker.checked.keys() == {"InferenceWorkerRole"}
    assert checker.checked["InferenceWorkerRole"] >= 6


@pytest.mark.parametrize(
    "action", ["s3:GetObjectVersion", "s3:PutObject", "s3:GetObject", "kms:GenerateDataKey", "kms:Decrypt"]
)
def test_an_action_removed_from_its_policies_is_reported(
    stacks: Synthesise, upload: Callable[[], None], action: str
) -> None:
    with (
        pytest.raises(AssertionError, match=f"InferenceWorkerRole lacks {action}"),
        watching(Checker(stacks, without=action).seen),
    ):
        upload()


def test_a_call_on_another_resource_is_refused(stacks: Synthesise) -> None:
    checker = Checker(stacks)
    stack = stacks(**STACKS[0])
    assert checker.allows(stack, "InferenceApiRole", Need("s3:PutObject", "uploads/api/film"))
    assert not checker.allows(stack, "InferenceApiRole", Need("s3:PutObject", "uploads/ward/film"))


def test_conditions_are_evaluated(stacks: Synthesise) -> None:
    checker = Checker(stacks)
    stack = stacks(**STACKS[0])
    for prefix, may in (({"s3:prefix": "backfill-runs/x/"}, True), ({"s3:prefix": "ward/"}, False), ({}, False)):
        assert checker.allows(stack, "InferenceBackfillRole", Need("s3:ListBucket", "results", prefix)) is may


def test_a_call_of_the_package_without_a_handler_is_an_error(stacks: Synthesise, s3: Any) -> None:
    with pytest.raises(AssertionError, match="no handler on the stack"), watching(Checker(stacks).seen):
        reader.read_result(RESULTS, "api/x")
    with pytest.raises(AssertionError, match="no handler on the stack"), watching(Checker(stacks).seen):
        presigned_post(UPLOADS, "api/x", "image/png", 100, 60)
    assert role_of([__file__]) is None


def test_a_key_is_needed_by_the_service_that_uses_it() -> None:
    (_, key) = with_keys([Need("s3:GetObject", "uploads/a")], "data key", "REGION")
    assert key == Need("kms:Decrypt", "data key", {"kms:ViaService": "s3.REGION.amazonaws.com"})


@pytest.fixture
def release(aws_credentials: None, tiny_service: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A version that is pending and then active, and CodeDeploy, which gets the report."""
    monkeypatch.setenv("CHECKED_VERSION", VERSION)
    monkeypatch.setattr(release_check, "_LOOK_SECONDS", 0)
    monkeypatch.setattr(release_check, "compare", lambda *_: None)
    codedeploy, lambda_ = boto3.client("codedeploy"), boto3.client("lambda")
    monkeypatch.setattr(aws, "codedeploy", lambda: codedeploy)
    monkeypatch.setattr(aws, "lambda_for_one_call", lambda _seconds: lambda_)
    with Stubber(codedeploy) as reports, Stubber(lambda_) as calls:
        for state in ("Pending", "Active"):
            calls.add_response("get_function_configuration", {"State": state})
        calls.add_response("invoke", {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(b"{}"), 2)})
        reports.add_response(
            "put_lifecycle_event_hook_execution_status", {},
            {"deploymentId": "d-1", "lifecycleEventHookExecutionId": "hook-1", "status": ANY},
        )  # fmt: skip
        yield
    codedeploy.close()
    lambda_.close()


@pytest.mark.parametrize(
    "without",
    [
        "",
        "lambda:GetFunctionConfiguration",
        "lambda:InvokeFunction",
        "codedeploy:PutLifecycleEventHookExecutionStatus",
    ],
)
def test_the_role_of_the_release_check_allows_its_calls(
    stacks: Synthesise, release: None, lambda_context: Any, without: str
) -> None:
    checker = Checker(stacks, without=without)

    def run() -> None:
        with watching(checker.seen):
            assert release_check.handler(HOOK, lambda_context) == {"status": "Succeeded"}

    if without:
        with pytest.raises(AssertionError, match=f"ReleaseWorkerCheckRole lacks {without}"):
            run()
    else:
        run()
    assert checker.checked == {"ReleaseWorkerCheckRole": 4}
