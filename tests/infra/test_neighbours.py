"""Two stacks in one account, and one stack in two regions: no name that must be unique is used twice."""

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from infra.stack import PneumoniaStack
from pneumonia_cli.stack.context import default_context, settings_of
from tests.infra.conftest import REGULATED, Json

EVERYTHING: Json = REGULATED | {"backfill": True, "observability": "full"}

# Where an explicit name must be unique: in the account, or in a region of it. Buckets are in neither list: their names
# are unique across all accounts, so the template must give none.
GLOBAL = {
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
}
REGIONAL = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CodeDeploy::Application": "ApplicationName",
    "AWS::Events::EventBus": "Name",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}


def template(stack_name: str, region: str, outdir: Path) -> Json:
    """Return the template of a stack as the CLI deploys it to a region."""
    context = default_context() | EVERYTHING | {"stack_name": stack_name, "aws:cdk:disable-asset-staging": True}
    app = cdk.App(context=context, outdir=str(outdir / f"{stack_name}-{region}"), analytics_reporting=False)
    PneumoniaStack(app, settings_of(context))
    assembly = app.synth()
    text = json.dumps(assembly.get_stack_by_name(stack_name).template)
    found: Json = json.loads(text.replace('{"Ref": "AWS::Region"}', f'"{region}"'))
    return found


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Json]:
    folder = tmp_path_factory.mktemp("neighbours")
    places = [("Pneumonia", "eu-central-1"), ("Pneumonia", "us-east-1"), ("PneumoniaTest", "eu-central-1")]
    return {place: template(*place, folder) for place in places}


def given_names(found: Json, kinds: dict[str, str]) -> set[tuple[str, str]]:
    """Return (type, name as text) of each resource with an explicit name."""
    resources: list[Json] = list(found["Resources"].values())
    return {
        (resource["Type"], json.dumps(resource["Properties"][kinds[resource["Type"]]], sort_keys=True))
        for resource in resources
        if resource["Type"] in kinds and kinds[resource["Type"]] in resource.get("Properties", {})
    }


def names(found: Json, wanted: str) -> set[tuple[str, str]]:
    return given_names(found, GLOBAL if wanted == "account" else GLOBAL | REGIONAL)


@pytest.mark.parametrize(
    ("one", "other", "unique_in"),
    [
        (("Pneumonia", "eu-central-1"), ("PneumoniaTest", "eu-central-1"), "region"),
        (("Pneumonia", "eu-central-1"), ("Pneumonia", "us-east-1"), "account"),
        (("PneumoniaTest", "eu-central-1"), ("Pneumonia", "us-east-1"), "account"),
    ],
)
def test_no_name_is_taken_twice(templates: Any, one: tuple[str, str], other: tuple[str, str], unique_in: str) -> None:
    assert names(templates[one], unique_in), "no resource has an explicit name, not even the dashboard: check this test"
    assert not names(templates[one], unique_in) & names(templates[other], unique_in)


def test_cloudformation_names_the_buckets(templates: Any) -> None:
    for found in templates.values():
        buckets = [one for one in found["Resources"].values() if one["Type"] == "AWS::S3::Bucket"]
        assert len(buckets) >= 2
        assert not [one for one in buckets if "BucketName" in one["Properties"]]


def test_outputs_are_not_exported(templates: Any) -> None:
    for found in templates.values():
        assert not [output for output in found["Outputs"].values() if "Export" in output]


def test_metrics_and_keys_name_only_their_own_stack(templates: Any) -> None:
    for (stack, region), found in templates.items():
        text = json.dumps(found["Resources"])
        assert set(re.findall(r'"STACK_NAME": "(\w+)"', text)) == {stack}
        others = {name for name, _ in templates} - {stack}
        assert not [name for name in others if f'"{name}"' in text], f"{stack} in {region} names another stack"
