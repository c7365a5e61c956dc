"""Versions, and the alias that traffic goes through."""

import pytest

ALIAS = "AWS::Lambda::Alias"
FUNCTION = "AWS::Lambda::Function"
VERSION = "AWS::Lambda::Version"


@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_live_is_the_version_of_this_deployment(stack, name):
    function_id, _ = stack.one(FUNCTION, f"Inference{name}")
    version_id, version = stack.one(VERSION, f"Inference{name}CurrentVersion")
    _, alias = stack.one(ALIAS, f"Inference{name}Live")
    assert version == {"FunctionName": {"Ref": function_id}}
    assert alias["Name"] == "live"
    assert alias["FunctionName"] == {"Ref": function_id}
    assert alias["FunctionVersion"] == {"Fn::GetAtt": [version_id, "Version"]}
    assert "ProvisionedConcurrencyConfig" not in alias


def test_versions_stay_to_be_rolled_back_to(stack):
    versions = stack.resources(VERSION).values()
    assert len(versions) == 2
    assert {version["DeletionPolicy"] for version in versions} == {"Retain"}


@pytest.mark.parametrize(
    ("overrides", "changed"),
    [
        ({"log_retention_days": 30}, set()),
        ({"url_timeout_seconds": 6}, {"Api"}),
        ({"worker_timeout_seconds": 60}, {"Worker"}),
        ({"memory_mb": 2048}, {"Api", "Worker"}),
    ],
    ids=str,
)
def test_a_version_is_published_where_the_function_changes(synthesise, overrides, changed):
    before, after = synthesise(), synthesise(**overrides)
    names = {
        name
        for name in ("Api", "Worker")
        if before.one(VERSION, f"Inference{name}Current")[0] != after.one(VERSION, f"Inference{name}Current")[0]
    }
    assert names == changed


def test_provisioned_concurrency_is_of_the_alias_of_the_api(synthesise):
    stack = synthesise(api_provisioned_concurrency=2)
    _, alias = stack.one(ALIAS, "InferenceApiLive")
    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 2}
    assert "ProvisionedConcurrencyConfig" not in stack.one(ALIAS, "InferenceWorkerLive")[1]
