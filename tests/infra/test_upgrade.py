"""Compare templates as CloudFormation would: an update from the last release must lose no data."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rehearsal.last_release import absent, unpacked
from tests.infra.conftest import REGULATED, Json, Synthesise

# Types with data, or with an address that others know. A change of these properties makes CloudFormation replace the
# resource, or write another secret into it.
REPLACED_WITH: dict[str, tuple[str, ...]] = {
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::EC2::VPC": ("CidrBlock",),
    "AWS::KMS::Key": ("KeySpec", "KeyUsage", "MultiRegion"),
    "AWS::Lambda::Alias": ("FunctionName", "Name"),
    "AWS::Lambda::EventSourceMapping": ("EventSourceArn",),
    "AWS::Lambda::Function": ("FunctionName", "PackageType"),
    "AWS::Lambda::Url": ("TargetFunctionArn", "Qualifier"),
    "AWS::Logs::LogGroup": ("LogGroupName", "LogGroupClass"),
    "AWS::S3::Bucket": ("BucketName", "ObjectLockEnabled"),
    "AWS::SecretsManager::Secret": ("Name", "GenerateSecretString"),
    "AWS::SNS::Topic": ("TopicName", "FifoTopic"),
    "AWS::SQS::Queue": ("QueueName", "FifoQueue"),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", "StateMachineType"),
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def last_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source tree of the last release. Skip if git does not have it."""
    tree = tmp_path_factory.mktemp("last-release")
    if not unpacked(tree):
        pytest.skip(absent())
    return tree


def template_of(tree: Path, overrides: Json) -> Json:
    """Return the template that a source tree synthesises."""
    out = tree / "cdk.out"
    context = {**overrides, "aws:cdk:disable-asset-staging": True}
    env = {**os.environ, "CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps(context)}
    env.pop("PYTHONPATH", None)
    subprocess.run([sys.executable, "app.py"], cwd=tree, env=env, check=True, capture_output=True)
    found: Json = json.loads((out / "PneumoniaInference.template.json").read_text(encoding="utf-8"))
    return found


def lasting(template: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Return logical id -> type, and the properties whose change would replace the resource."""
    return {
        name: (one["Type"], {key: one.get("Properties", {}).get(key) for key in REPLACED_WITH[one["Type"]]})
        for name, one in template["Resources"].items()
        if one["Type"] in REPLACED_WITH
    }


@pytest.mark.parametrize(
    "overrides",
    [{"observability": "full"}, {**REGULATED, "observability": "full", "backfill": True, "alarm_email": "a@b.org"}],
    ids=["defaults", "everything"],
)
def test_no_lasting_resource_is_replaced(last_release: Path, synthesise: Synthesise, overrides: Json) -> None:
    before = lasting(template_of(last_release, overrides))
    now = lasting(synthesise(**overrides).template)
    assert {kind for kind, _ in before.values()} >= {"AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::Lambda::Function"}
    gone = {name: found for name, found in before.items() if now.get(name) != found}
    assert not gone, f"replaced or gone: {gone}; now {[(name, now.get(name)) for name in gone]}"


def test_resources_with_data_stay_when_their_stack_is_updated_or_deleted(
    last_release: Path, synthesise: Synthesise
) -> None:
    before = template_of(last_release, {})["Resources"]
    now = synthesise().template["Resources"]
    kept = [name for name, one in before.items() if one.get("DeletionPolicy", "").startswith("Retain")]
    kept = [name for name in kept if before[name]["Type"] != "AWS::Lambda::Version"]
    assert kept
    for name in kept:
        assert now[name]["DeletionPolicy"].startswith("Retain"), name
        assert now[name].get("UpdateReplacePolicy", "").startswith("Retain"), name


def test_outputs_that_others_read_are_still_there(last_release: Path, synthesise: Synthesise) -> None:
    overrides: Json = {"auth": "token", "observability": "full"}
    before = template_of(last_release, overrides)["Outputs"]
    now = synthesise(**overrides).template["Outputs"]
    assert before.keys() <= now.keys()
