"""The whole stack: outputs, and a valid template with every setting that changes it."""

from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint_file

from tests.infra.conftest import REGULATED, Json, Synthesise, Synthesised


def test_outputs_name_what_a_user_needs(stack: Synthesised) -> None:
    url_id, _ = stack.one("AWS::Lambda::Url", "")
    assert {name: output["Value"] for name, output in stack.template["Outputs"].items()} == {
        "FunctionUrl": {"Fn::GetAtt": [url_id, "FunctionUrl"]},
        "Auth": "iam",
        "UploadBucketName": {"Ref": stack.one("AWS::S3::Bucket", "UploadBucket")[0]},
        "ResultBucketName": {"Ref": stack.one("AWS::S3::Bucket", "ResultBucket")[0]},
        "UploadQueueUrl": {"Ref": stack.one("AWS::SQS::Queue", "UploadsQueue")[0]},
        "DeadLetterQueueUrl": {"Ref": stack.one("AWS::SQS::Queue", "DeadLetterQueue")[0]},
        "AlarmTopicArn": {"Ref": stack.one("AWS::SNS::Topic", "")[0]},
    }


def test_with_a_token_an_output_names_its_secret(synthesise: Synthesise) -> None:
    stack = synthesise(auth="token")
    secret_id, _ = stack.one("AWS::SecretsManager::Secret", "")
    assert stack.template["Outputs"]["AccessTokenSecretArn"]["Value"] == {"Ref": secret_id}
    assert stack.template["Outputs"]["Auth"]["Value"] == "token"


def test_stack_takes_its_name_from_the_settings(synthesise: Synthesise) -> None:
    assert synthesise(stack_name="Ward3").stack.stack_name == "Ward3"


def test_the_template_has_no_parameters_and_no_cdk_metadata(stack: Synthesised) -> None:
    assert "Parameters" not in stack.template
    assert "Rules" not in stack.template
    assert stack.resources("AWS::CDK::Metadata") == {}


def lint(template_file: Path) -> list[Any]:
    found: list[Any] = lint_file(template_file, config=ManualArgs(regions=["us-east-1"]))
    return found


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"backfill": True, "backfill_archives": ["hospital-archive/xrays/", "whole-archive"]},
        REGULATED,
    ],
    ids=str,
)
def test_cfn_lint_finds_nothing(synthesise: Synthesise, overrides: Json) -> None:
    assert lint(synthesise(**overrides).template_file) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        {"architecture": "arm64"},
        {"auth": "none"},
        {"auth": "token"},
        {"cors_origins": ["https://viewer.example.org"]},
        {"alarm_email": "ops@example.org"},
        {"retain_data": False},
        {"upload_expiry_days": None, "result_expiry_days": None},
        {"metrics": False},
        {"dashboard": False},
        {"api_reserved_concurrency": 2, "worker_reserved_concurrency": 5},
        {"api_provisioned_concurrency": 1},
        {"deployment": "all_at_once"},
        {"vpc": True},
    ],
    ids=str,
)
def test_cfn_lint_finds_nothing_under_single_settings(synthesise: Synthesise, overrides: Json) -> None:
    assert lint(synthesise(**overrides).template_file) == []
