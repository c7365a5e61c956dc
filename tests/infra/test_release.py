"""Versions, the alias of the traffic, and how the alias moves to the next version."""

import pytest

from tests.infra.conftest import Json, Synthesise, Synthesised

ALIAS = "AWS::Lambda::Alias"
FUNCTION = "AWS::Lambda::Function"
VERSION = "AWS::Lambda::Version"
GROUP = "AWS::CodeDeploy::DeploymentGroup"

CONFIGS = {
    "all_at_once": "CodeDeployDefault.LambdaAllAtOnce",
    "canary": "CodeDeployDefault.LambdaCanary10Percent10Minutes",
    "linear": "CodeDeployDefault.LambdaLinear10PercentEvery3Minutes",
}
ALARMS = {"Api": ["ApiErrors", "ApiHttp5xx", "ApiSlow"], "Worker": ["WorkerErrors"]}


@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_live_is_the_version_of_this_deployment(stack: Synthesised, name: str) -> None:
    function_id, _ = stack.one(FUNCTION, f"Inference{name}")
    version_id, version = stack.one(VERSION, f"Inference{name}CurrentVersion")
    _, alias = stack.one(ALIAS, f"Inference{name}Live")
    assert version == {"FunctionName": {"Ref": function_id}}
    assert alias["Name"] == "live"
    assert alias["FunctionName"] == {"Ref": function_id}
    assert alias["FunctionVersion"] == {"Fn::GetAtt": [version_id, "Version"]}
    assert "ProvisionedConcurrencyConfig" not in alias


def test_versions_are_retained_for_rollbacks(stack: Synthesised) -> None:
    versions = stack.resources(VERSION).values()
    assert len(versions) == 2
    # Except on create: a version whose deployment fails is removed when the stack rolls back.
    assert {version["DeletionPolicy"] for version in versions} == {"RetainExceptOnCreate"}
    assert {version["UpdateReplacePolicy"] for version in versions} == {"Retain"}


@pytest.mark.parametrize(
    ("overrides", "changed"),
    [
        ({"log_retention_days": 30}, []),
        ({"url_timeout_seconds": 6}, ["Api"]),
        ({"worker_timeout_seconds": 60}, ["Worker"]),
        ({"memory_mb": 2048}, ["Api", "Worker"]),
    ],
    ids=str,
)
def test_only_a_changed_function_gets_a_new_version(
    synthesise: Synthesise, overrides: Json, changed: list[str]
) -> None:
    before, after = synthesise(), synthesise(**overrides)
    names = [
        name
        for name in ("Api", "Worker")
        if before.one(VERSION, f"Inference{name}Current")[0] != after.one(VERSION, f"Inference{name}Current")[0]
    ]
    assert names == changed


def test_only_the_alias_of_the_api_has_provisioned_concurrency(synthesise: Synthesise) -> None:
    stack = synthesise(api_provisioned_concurrency=2)
    _, alias = stack.one(ALIAS, "InferenceApiLive")
    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 2}
    assert "ProvisionedConcurrencyConfig" not in stack.one(ALIAS, "InferenceWorkerLive")[1]


@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_codedeploy_moves_the_alias_and_asks_the_check_first(stack: Synthesised, name: str) -> None:
    application_id, application = stack.one("AWS::CodeDeploy::Application", "")
    group_id, group = stack.one(GROUP, f"Release{name}Group")
    check_id, _ = stack.one(FUNCTION, f"Release{name}Check")
    live_id, _ = stack.one(ALIAS, f"Inference{name}Live")
    assert application["ComputePlatform"] == "Lambda"
    assert group["ApplicationName"] == {"Ref": application_id}
    assert stack.template["Resources"][live_id]["UpdatePolicy"] == {
        "CodeDeployLambdaAliasUpdate": {
            "ApplicationName": {"Ref": application_id},
            "DeploymentGroupName": {"Ref": group_id},
            "BeforeAllowTrafficHook": {"Ref": check_id},
        }
    }


@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_the_alias_depends_on_everything_that_moves_it(stack: Synthesised, name: str) -> None:
    live_id, _ = stack.one(ALIAS, f"Inference{name}Live")
    waits_for = set(stack.template["Resources"][live_id]["DependsOn"])
    assert {
        stack.one(GROUP, f"Release{name}Group")[0],
        stack.one(FUNCTION, f"Release{name}Check")[0],
        stack.one("AWS::IAM::Policy", "ReleaseRole")[0],
    } <= waits_for
    check_id, _ = stack.one(FUNCTION, f"Release{name}Check")
    check_policy, _ = stack.one("AWS::IAM::Policy", f"Release{name}CheckRole")
    assert check_policy in stack.template["Resources"][check_id]["DependsOn"]


def test_the_api_moves_after_the_worker(stack: Synthesised) -> None:
    # In parallel, the failure of one would cancel the other in the middle of its canary.
    worker_id, _ = stack.one(ALIAS, "InferenceWorkerLive")
    api_id, _ = stack.one(ALIAS, "InferenceApiLive")
    assert worker_id in stack.template["Resources"][api_id]["DependsOn"]
    assert api_id not in stack.template["Resources"][worker_id]["DependsOn"]


@pytest.mark.parametrize("deployment", CONFIGS)
@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_traffic_moves_as_the_setting_says(synthesise: Synthesise, deployment: str, name: str) -> None:
    _, group = synthesise(deployment=deployment).one(GROUP, f"Release{name}Group")
    assert group["DeploymentConfigName"] == CONFIGS[deployment]
    assert group["DeploymentStyle"] == {
        "DeploymentOption": "WITH_TRAFFIC_CONTROL",
        "DeploymentType": "BLUE_GREEN",
    }


@pytest.mark.parametrize("deployment", ["canary", "linear"])
@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_an_alarm_rolls_the_release_back(synthesise: Synthesise, deployment: str, name: str) -> None:
    stack = synthesise(deployment=deployment)
    _, group = stack.one(GROUP, f"Release{name}Group")
    alarms = [{"Name": {"Ref": stack.one("AWS::CloudWatch::Alarm", f"Monitoring{alarm}")[0]}} for alarm in ALARMS[name]]
    assert group["AlarmConfiguration"]["Enabled"] is True
    assert group["AlarmConfiguration"]["Alarms"] == alarms
    assert group["AutoRollbackConfiguration"] == {
        "Enabled": True,
        "Events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"],
    }


@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_an_active_alarm_does_not_block_a_release_all_at_once(synthesise: Synthesise, name: str) -> None:
    _, group = synthesise(deployment="all_at_once").one(GROUP, f"Release{name}Group")
    assert group["AlarmConfiguration"]["Enabled"] is False
    assert "DEPLOYMENT_FAILURE" in group["AutoRollbackConfiguration"]["Events"]


@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_the_check_is_of_the_same_image_and_knows_the_version_it_checks(stack: Synthesised, name: str) -> None:
    _, function = stack.one(FUNCTION, f"Inference{name}")
    _, check = stack.one(FUNCTION, f"Release{name}Check")
    version_id, _ = stack.one(VERSION, f"Inference{name}CurrentVersion")
    assert check["Code"] == function["Code"]
    assert check["Architectures"] == function["Architectures"]
    assert check["ImageConfig"] == {"Command": ["pneumonia.handlers.release_check.handler"]}
    assert check["Environment"]["Variables"]["CHECKED_VERSION"] == {"Ref": version_id}
    assert check["Environment"]["Variables"]["MODEL_DIR"] == function["Environment"]["Variables"]["MODEL_DIR"]
    # The version may use its whole time limit after a start.
    assert check["Timeout"] > function["Timeout"]


def test_a_check_has_no_more_time_than_lambda_gives(synthesise: Synthesise) -> None:
    assert synthesise(worker_timeout_seconds=900).one(FUNCTION, "ReleaseWorkerCheck")[1]["Timeout"] == 900
