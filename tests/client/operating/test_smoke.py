"""The smoke test against a complete service on this machine, with a CloudFormation stack that has its outputs."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from pneumonia.model.card import Card, OperatingPoints
from pneumonia_cli.client.aws import Aws
from pneumonia_cli.client.operating import smoke
from pneumonia_cli.local.access import create_token
from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.environment import export_settings
from pneumonia_cli.local.function_url import FunctionUrl
from pneumonia_cli.local.functions import API_HANDLER, api_context
from pneumonia_cli.local.names import RESULT_BUCKET, TOKEN_SECRET, UPLOAD_BUCKET
from pneumonia_cli.local.poller import Poller
from pneumonia_cli.stack.settings import StackSettings

STACK = "Rehearsed"


@pytest.fixture
def aws(cloud: Cloud) -> Iterator[Aws]:
    with Aws() as session:
        yield session


@pytest.fixture
def url(cloud: Cloud, settings: StackSettings) -> Iterator[str]:
    with FunctionUrl(API_HANDLER, api_context(settings)).running(port=0) as running:
        yield running


def deploy(outputs: dict[str, str]) -> None:
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    with contextlib.closing(boto3.client("cloudformation")) as client:
        client.create_stack(StackName=STACK, TemplateBody=json.dumps(template))


def outputs(url: str, auth: str = "none") -> dict[str, str]:
    return {
        "FunctionUrl": f"{url}/",
        "Auth": auth,
        "UploadBucketName": UPLOAD_BUCKET,
        "ResultBucketName": RESULT_BUCKET,
    }


def by_name(checks: list[smoke.Check]) -> dict[str, smoke.Check]:
    return {check.name: check for check in checks}


def failed(checks: list[smoke.Check]) -> set[str]:
    return {check.name for check in checks if not check.passed}


def test_all_is_well_and_nothing_is_left(
    aws: Aws, url: str, cloud: Cloud, poller: Poller, card: Card, image_bytes: Callable[..., bytes]
) -> None:
    deploy(outputs(url))
    with poller.running():
        checks = smoke.smoke(aws, STACK, card, image_bytes(), patience_seconds=60)
    assert failed(checks) == set(), checks
    assert list(by_name(checks)) == [
        "Access (none)", "Model", "Health", "Function URL", "Upload bucket", "Same answer", "Tidied up",
    ]  # fmt: skip
    assert "Versions" not in cloud.s3.list_object_versions(Bucket=UPLOAD_BUCKET)
    assert cloud.s3.list_objects_v2(Bucket=RESULT_BUCKET)["KeyCount"] == 0


@pytest.mark.slow
def test_with_a_token_requests_without_it_are_refused(
    aws: Aws, url: str, settings: StackSettings, poller: Poller, card: Card, image_bytes: Callable[..., bytes]
) -> None:
    export_settings(settings, os.environ, "token")
    create_token()
    deploy({**outputs(url, "token"), "AccessTokenSecretArn": TOKEN_SECRET})
    with poller.running():
        checks = smoke.smoke(aws, STACK, card, image_bytes(), patience_seconds=60)
    assert failed(checks) == set(), checks
    assert "401" in by_name(checks)["Access (token)"].found


def test_a_stack_that_is_open_despite_its_setting_fails(
    aws: Aws, url: str, card: Card, image_bytes: Callable[..., bytes]
) -> None:
    deploy(outputs(url, "iam"))
    checks = smoke.smoke(aws, STACK, card, image_bytes(), patience_seconds=0)
    assert by_name(checks)["Access (iam)"] == smoke.Check(
        "Access (iam)", False, "without credentials: HTTP 200, not 403"
    )


def test_a_missing_result_is_reported_and_the_image_is_removed(
    aws: Aws, url: str, cloud: Cloud, card: Card, image_bytes: Callable[..., bytes]
) -> None:
    deploy(outputs(url))
    checks = smoke.smoke(aws, STACK, card, image_bytes(), patience_seconds=0)
    assert failed(checks) == {"Upload bucket"}
    assert "no result after" in by_name(checks)["Upload bucket"].found
    assert "Versions" not in cloud.s3.list_object_versions(Bucket=UPLOAD_BUCKET)


@pytest.mark.slow
def test_another_model_than_that_of_the_card_fails(
    aws: Aws, url: str, poller: Poller, card: Card, image_bytes: Callable[..., bytes]
) -> None:
    deploy(outputs(url))
    newer = dataclasses.replace(card, version="9.9.9")
    with poller.running():
        checks = smoke.smoke(aws, STACK, newer, image_bytes(), patience_seconds=60)
    assert failed(checks) == {"Model", "Function URL", "Upload bucket"}
    assert "9.9.9" in by_name(checks)["Model"].found


def test_an_image_that_is_refused_fails_in_both_ways(aws: Aws, url: str, poller: Poller, card: Card) -> None:
    deploy(outputs(url))
    with poller.running():
        checks = smoke.smoke(aws, STACK, card, b"%PDF-1.7", patience_seconds=60)
    assert failed(checks) == {"Function URL", "Upload bucket"}
    assert "unsupported_format" in by_name(checks)["Function URL"].found
    assert by_name(checks)["Upload bucket"].found == "rejected: unsupported_format"


def test_a_function_url_that_is_down_fails(
    aws: Aws, poller: Poller, card: Card, image_bytes: Callable[..., bytes]
) -> None:
    deploy(outputs("http://127.0.0.1:9"))
    with poller.running():
        checks = smoke.smoke(aws, STACK, card, image_bytes(), patience_seconds=60)
    assert failed(checks) == {"Access (none)", "Model", "Health", "Function URL"}


def answer(card: Card, pneumonia: float) -> dict[str, object]:
    """Return an answer like that of the service."""
    points = card.operating_points
    label = "pneumonia" if pneumonia >= points.balanced else "normal"
    triage = "likely_pneumonia" if pneumonia >= points.rule_in else "indeterminate"
    return {
        "normal": 1 - pneumonia, "pneumonia": pneumonia, "label": label,
        "triage": "likely_normal" if pneumonia < points.rule_out else triage,
        "threshold": points.balanced, "model": card.identity(), "notice": card.notice,
    }  # fmt: skip


@pytest.mark.parametrize("pneumonia", [0.0, 0.05, 0.1, 0.3, 0.4, 0.6, 0.9, 1.0])
def test_an_answer_by_the_card_agrees_with_it(card: Card, pneumonia: float) -> None:
    assert card.operating_points == OperatingPoints(0.1, 0.4, 0.9)
    assert smoke.disagreements(answer(card, pneumonia), card) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"label": "normal"}, "label is 'normal'"),
        ({"triage": "likely_pneumonia"}, "triage is 'likely_pneumonia'"),
        ({"model": {"name": "tiny-grey", "version": "0"}}, "model is"),
        ({"notice": ""}, "notice is ''"),
        ({"notice": None}, "notice is None"),
        ({"threshold": 0.5}, "threshold is 0.5"),
        ({"normal": 0.6}, "do not add up"),
        ({"normal": None}, "do not add up"),
        ({"pneumonia": 1.2}, "not a probability"),
        ({"pneumonia": None}, "not a probability"),
    ],
)
def test_contradictions_to_the_card_are_reported(card: Card, changes: dict[str, object], told: str) -> None:
    (wrong,) = smoke.disagreements(answer(card, 0.6) | changes, card)
    assert told in wrong


@pytest.mark.slow
def test_the_command_prints_a_table_and_exits_by_it(
    aws: Aws, url: str, poller: Poller, artifacts: Path, make_films: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    deploy(outputs(url))
    image = make_films({"a.png": 200}) / "a.png"
    command = ["--stack", STACK, "--card", str(artifacts), "--film", str(image), "--timeout"]
    with poller.running():
        assert smoke.main([*command, "60"]) == 0
    assert f"{STACK}: 7 of 7 passed" in capsys.readouterr().out
    assert smoke.main([*command, "0"]) == 1
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("found", "told"), [({"FunctionUrl": "http://127.0.0.1:9/"}, "no output Auth"), (None, "no stack")]
)
def test_a_missing_or_foreign_stack_gives_one_message(
    aws: Aws, artifacts: Path, capsys: pytest.CaptureFixture[str], found: dict[str, str] | None, told: str
) -> None:
    if found is not None:
        deploy(found)
    assert smoke.main(["--stack", STACK, "--card", str(artifacts)]) == 1
    assert told in " ".join(capsys.readouterr().out.split())
