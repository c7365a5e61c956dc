"""The two functions, their environment, their logs, and the Function URL."""

import pytest
from aws_cdk.assertions import Annotations, Match

from pneumonia.settings import Settings as RuntimeSettings

FUNCTION = "AWS::Lambda::Function"
LOG_GROUP = "AWS::Logs::LogGroup"


class RecordingEnvironment(dict):
    """Environment variables that remember which of them were asked for."""

    def __init__(self, variables):
        super().__init__(variables)
        self.asked = set()

    def __getitem__(self, name):
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.asked.add(name)
        return super().get(name, default)


def environment(stack, name):
    """Variables of a function as the process would see them; references become their logical id."""
    _, function = stack.one(FUNCTION, f"Inference{name}")
    variables = function["Environment"]["Variables"].items()
    return {key: value if isinstance(value, str) else value["Ref"] for key, value in variables}


@pytest.mark.parametrize(
    ("name", "command", "timeout"),
    [("Api", "pneumonia.api.handler", 30), ("Worker", "pneumonia.worker.handler", 120)],
)
def test_function(stack, name, command, timeout):
    _, function = stack.one(FUNCTION, f"Inference{name}")
    assert function["PackageType"] == "Image"
    assert function["ImageConfig"] == {"Command": [command]}
    assert function["MemorySize"] == 1769
    assert function["Architectures"] == ["x86_64"]
    assert function["Timeout"] == timeout
    assert "ReservedConcurrentExecutions" not in function


def test_both_functions_run_the_same_image(stack):
    _, api = stack.one(FUNCTION, "InferenceApi")
    _, worker = stack.one(FUNCTION, "InferenceWorker")
    assert api["Code"] == worker["Code"]
    assert list(api["Code"]) == ["ImageUri"]


@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_architecture_follows_the_setting_with_the_image(synthesise, name):
    stack = synthesise(architecture="arm64")
    _, function = stack.one(FUNCTION, f"Inference{name}")
    assert function["Architectures"] == ["arm64"]
    assert [image["platform"] for image in stack.images] == ["linux/arm64"]


def test_sizes_and_limits_follow_the_settings(synthesise):
    stack = synthesise(
        memory_mb=4096,
        api_timeout_seconds=20,
        worker_timeout_seconds=300,
        api_reserved_concurrency=3,
        worker_reserved_concurrency=8,
    )
    _, api = stack.one(FUNCTION, "InferenceApi")
    _, worker = stack.one(FUNCTION, "InferenceWorker")
    assert (api["MemorySize"], api["Timeout"], api["ReservedConcurrentExecutions"]) == (4096, 20, 3)
    assert (worker["MemorySize"], worker["Timeout"], worker["ReservedConcurrentExecutions"]) == (4096, 300, 8)
    Annotations.from_stack(stack.stack).has_warning("*", Match.string_like_regexp("memory_mb is 4096"))


@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_each_function_has_a_log_group_of_its_own(stack, name):
    group_id, group = stack.one(LOG_GROUP, f"Inference{name}Logs")
    _, function = stack.one(FUNCTION, f"Inference{name}")
    assert function["LoggingConfig"]["LogGroup"] == {"Ref": group_id}
    assert group["RetentionInDays"] == 90


def test_no_function_creates_a_log_group_without_retention(stack):
    for logical_id, function in stack.resources(FUNCTION).items():
        group = function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        assert stack.template["Resources"][group]["Properties"]["RetentionInDays"] == 90, logical_id


def test_log_retention_follows_the_setting(synthesise):
    groups = synthesise(log_retention_days=3653).resources(LOG_GROUP).values()
    assert {group["Properties"]["RetentionInDays"] for group in groups} == {3653}


def test_environment_is_what_the_handlers_read(stack):
    asked = set()
    given = set()
    for name in ("Api", "Worker"):
        variables = RecordingEnvironment(environment(stack, name))
        RuntimeSettings.from_env(variables)
        asked |= variables.asked
        given |= set(variables)
    powertools = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL"}
    assert given - powertools == asked
    assert powertools <= given


def test_environment_reaches_the_settings_of_the_handlers(synthesise):
    stack = synthesise(
        allowed_url_hosts=["a.example.org", "b.example.org"],
        url_timeout_seconds=7,
        max_image_bytes=5_000_000,
        max_image_pixels=6_000_000,
        intra_op_threads=2,
        log_level="DEBUG",
    )
    api = RuntimeSettings.from_env(environment(stack, "Api"))
    worker = RuntimeSettings.from_env(environment(stack, "Worker"))
    assert str(api.model_dir) == str(worker.model_dir) == "/var/task/model_artifacts"
    assert api.allowed_url_hosts == {"a.example.org", "b.example.org"}
    assert api.url_timeout_seconds == 7
    assert api.results_bucket is None
    assert worker.allowed_url_hosts == frozenset()
    assert worker.results_bucket == stack.one("AWS::S3::Bucket", "ResultBucket")[0]
    for settings in (api, worker):
        assert settings.max_image_bytes == 5_000_000
        assert settings.max_image_pixels == 6_000_000
        assert settings.intra_op_threads == 2
    assert environment(stack, "Api")["POWERTOOLS_LOG_LEVEL"] == "DEBUG"
    assert environment(stack, "Api")["POWERTOOLS_SERVICE_NAME"] == "pneumonia-api"
    assert environment(stack, "Worker")["POWERTOOLS_SERVICE_NAME"] == "pneumonia-worker"


@pytest.mark.parametrize(
    "limits",
    [
        {"max_image_bytes": 500_000_000, "max_image_pixels": 89_478_485, "intra_op_threads": 6},
        {"max_image_bytes": 1_000, "max_image_pixels": 10_000, "intra_op_threads": 1},
        {"url_timeout_seconds": 60, "api_timeout_seconds": 61},
    ],
)
def test_whatever_the_stack_allows_the_handlers_accept(synthesise, limits):
    stack = synthesise(**limits)
    for name in ("Api", "Worker"):
        RuntimeSettings.from_env(environment(stack, name))


def permissions(stack):
    """The resource policy of the API function: action -> the rest of the permission."""
    api_id, _ = stack.one(FUNCTION, "InferenceApi")
    found = {}
    for permission in stack.resources("AWS::Lambda::Permission").values():
        properties = dict(permission["Properties"])
        assert properties.pop("FunctionName") == {"Fn::GetAtt": [api_id, "Arn"]}
        found[properties.pop("Action")] = properties
    assert len(found) == len(stack.resources("AWS::Lambda::Permission"))
    return found


def test_function_url_is_for_the_account_by_default(stack):
    _, url = stack.one("AWS::Lambda::Url", "")
    api_id, _ = stack.one(FUNCTION, "InferenceApi")
    assert url["AuthType"] == "AWS_IAM"
    assert url["TargetFunctionArn"] == {"Fn::GetAtt": [api_id, "Arn"]}
    account = {"Ref": "AWS::AccountId"}
    assert permissions(stack) == {
        "lambda:InvokeFunctionUrl": {"Principal": account, "FunctionUrlAuthType": "AWS_IAM"},
        "lambda:InvokeFunction": {"Principal": account, "InvokedViaFunctionUrl": True},
    }
    assert not Annotations.from_stack(stack.stack).find_warning("*", Match.any_value())


def test_function_url_is_public_only_when_told_and_warns(synthesise):
    stack = synthesise(auth="none")
    _, url = stack.one("AWS::Lambda::Url", "")
    assert url["AuthType"] == "NONE"
    assert permissions(stack) == {
        "lambda:InvokeFunctionUrl": {"Principal": "*", "FunctionUrlAuthType": "NONE"},
        "lambda:InvokeFunction": {"Principal": "*", "InvokedViaFunctionUrl": True},
    }
    Annotations.from_stack(stack.stack).has_warning("*", Match.string_like_regexp("auth is 'none'"))
