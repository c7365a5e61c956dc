"""An alias with an update policy moves as CodeDeploy would move it, or does not move."""

import json
from typing import Any

import pytest

from rehearsal.api import call
from rehearsal.codedeploy import Deployments
from tests.rehearsal.conftest import ROLE, STACK, Deploy, Failed, function

HOOK = """
import boto3
def handler(event, context):
    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"], status="STATUS",
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"])
"""
SUCCEEDS, FAILS = (HOOK.replace("STATUS", status) for status in ("Succeeded", "Failed"))
BREAKS = "def handler(event, context):\n    raise ValueError"


def release(body: str, hook: str, alarms: bool = True) -> dict[str, Any]:
    """Return a release whose function returns `body`. Its version has a new logical id, as with the CDK."""
    version = f"Version{body}"
    group: dict[str, Any] = {
        "ApplicationName": {"Ref": "Application"}, "ServiceRoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        "DeploymentConfigName": "CodeDeployDefault.LambdaCanary10Percent10Minutes",
    }  # fmt: skip
    if alarms:
        group["AlarmConfiguration"] = {"Enabled": True, "Alarms": [{"Name": {"Ref": "Errors"}}]}
    policy = {
        "ApplicationName": {"Ref": "Application"}, "DeploymentGroupName": {"Ref": "Group"},
        "BeforeAllowTrafficHook": {"Ref": "Hook"},
    }  # fmt: skip
    return {
        "Role": ROLE,
        "Application": {"Type": "AWS::CodeDeploy::Application", "Properties": {"ComputePlatform": "Lambda"}},
        "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": group},
        "Hook": function(hook),
        "Api": function(f"def handler(event, context):\n    return {body!r}"),
        "Errors": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum", "Period": 300,
                "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            },
        },
        version: {
            "Type": "AWS::Lambda::Version", "DeletionPolicy": "RetainExceptOnCreate",
            "Properties": {"FunctionName": {"Ref": "Api"}},
        },
        "Live": {
            "Type": "AWS::Lambda::Alias",
            "DependsOn": ["Group", "Hook"],
            "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": policy},
            "Properties": {
                "FunctionName": {"Ref": "Api"}, "Name": "live", "Description": "traffic",
                "FunctionVersion": {"Fn::GetAtt": [version, "Version"]},
            },
        },
    }  # fmt: skip


OUTPUTS = {"Live": {"Ref": "Live"}, "Alarm": {"Ref": "Errors"}}


def answer(live: str) -> str:
    return str(json.loads(call("lambda", "invoke", FunctionName=live)["Payload"].read()))


def test_the_first_deployment_needs_no_codedeploy(deploy: Deploy, deployments: Deployments) -> None:
    made = deploy(release("one", BREAKS), **OUTPUTS)
    assert answer(made["Live"]) == "one"
    assert deployments.ended == []


def test_a_version_that_passes_its_hook_gets_the_traffic(deploy: Deploy, deployments: Deployments) -> None:
    live = deploy(release("one", SUCCEEDS), **OUTPUTS)["Live"]
    deploy(release("two", SUCCEEDS), **OUTPUTS)
    assert answer(live) == "two"
    assert answer(f"{live.removesuffix(':live')}:1") == "one"  # retained, to roll back to
    alias = call("lambda", "get_alias", FunctionName=live.removesuffix(":live"), Name="live")
    assert not alias.get("RoutingConfig")
    assert deployments.ended == ["Succeeded"]


@pytest.mark.parametrize(("hook", "told"), [(FAILS, "reported Failed"), (BREAKS, "reported nothing")])
def test_a_version_that_fails_its_hook_changes_nothing(
    deploy: Deploy, deployments: Deployments, hook: str, told: str
) -> None:
    live = deploy(release("one", SUCCEEDS), **OUTPUTS)["Live"]
    with pytest.raises(Failed, match=told):
        deploy(release("two", hook), **OUTPUTS)
    assert answer(live) == "one"
    name = live.removesuffix(":live")
    assert answer(name) == "one"  # also the function itself
    versions = call("lambda", "list_versions_by_function", FunctionName=name.rpartition(":")[2])["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1"]  # none to roll back to by mistake
    assert deployments.ended == ["Failed"]


def test_an_active_alarm_rolls_the_traffic_back(deploy: Deploy, deployments: Deployments) -> None:
    made = deploy(release("one", SUCCEEDS), **OUTPUTS)
    ring = {"AlarmName": made["Alarm"], "StateValue": "ALARM", "StateReason": "errors"}
    call("cloudwatch", "set_alarm_state", **ring)
    with pytest.raises(Failed, match=r"alarms .* are active"):
        deploy(release("two", SUCCEEDS), **OUTPUTS)
    assert answer(made["Live"]) == "one"
    alias = call("lambda", "get_alias", FunctionName=made["Live"].removesuffix(":live"), Name="live")
    assert not alias.get("RoutingConfig")
    deploy(release("three", SUCCEEDS, alarms=False), **OUTPUTS)
    assert answer(made["Live"]) == "three"
    assert deployments.ended == ["Failed", "Succeeded"]


def test_an_alias_that_was_moved_by_hand_is_refused_until_it_is_back(deploy: Deploy, deployments: Deployments) -> None:
    live = deploy(release("one", SUCCEEDS), **OUTPUTS)["Live"]
    deploy(release("two", SUCCEEDS), **OUTPUTS)
    function = live.removesuffix(":live")
    call("lambda", "update_alias", FunctionName=function, Name="live", FunctionVersion="1")
    for _ in range(2):  # each later deployment is refused too
        with pytest.raises(Failed, match="INVALID_LAMBDA_CONFIGURATION"):
            deploy(release("three", SUCCEEDS), **OUTPUTS)
        assert answer(live) == "one"
    call("lambda", "update_alias", FunctionName=function, Name="live", FunctionVersion="2")
    deploy(release("three", SUCCEEDS), **OUTPUTS)
    assert answer(live) == "three"


def test_applications_are_deleted_with_their_stack(deploy: Deploy) -> None:
    deploy(release("one", SUCCEEDS))
    assert len(call("codedeploy", "list_applications")["applications"]) == 1
    call("cloudformation", "delete_stack", StackName=STACK)
    assert call("codedeploy", "list_applications")["applications"] == []
