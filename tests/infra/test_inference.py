"""The two functions, their environment, and their logs."""

from typing import Any

import pytest
from aws_cdk.assertions import Annotations, Match

from pneumonia.decode.limits import Limits
from pneumonia.settings import Settings
from tests.infra.conftest import Json, Synthesise, Synthesised

FUNCTION = "AWS::Lambda::Function"
LOG_GROUP = "AWS::Logs::LogGroup"


class RecordingEnvironment(dict[str, str]):
    """Environment variables that record which of them were read."""

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def environment(stack: Synthesised, name: str) -> dict[str, str]:
    """Return the variables of a function as its process would see them. References become logical ids."""
    _, function = stack.one(FUNCTION, f"Inference{name}")
    return {key: as_text(value) for key, value in function["Environment"]["Variables"].items()}


def as_text(value: Any) -> str:
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return name
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}".lower()  # as a host name would be
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(as_text(part) for part in parts)
    raise AssertionError(f"cannot evaluate {value}")


@pytest.mark.parametrize(
    ("name", "command", "timeout"),
    [("Api", "pneumonia.handlers.api.handler", 30), ("Worker", "pneumonia.handlers.worker.handler", 120)],
)
def test_function(stack: Synthesised, name: str, command: str, timeout: int) -> None:
    _, function = stack.one(FUNCTION, f"Inference{name}")
    assert function["PackageType"] == "Image"
    assert function["ImageConfig"] == {"Command": [command]}
    assert function["MemorySize"] == 1769
    assert function["Architectures"] == ["x86_64"]
    assert function["Timeout"] == timeout
    assert "ReservedConcurrentExecutions" not in function


def test_both_functions_run_the_same_image(stack: Synthesised) -> None:
    _, api = stack.one(FUNCTION, "InferenceApi")
    _, worker = stack.one(FUNCTION, "InferenceWorker")
    assert api["Code"] == worker["Code"]
    assert list(api["Code"]) == ["ImageUri"]


@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_architecture_follows_the_setting_with_the_image(synthesise: Synthesise, name: str) -> None:
    stack = synthesise(architecture="arm64")
    _, function = stack.one(FUNCTION, f"Inference{name}")
    assert function["Architectures"] == ["arm64"]
    assert [image["platform"] for image in stack.images] == ["linux/arm64"]


def test_sizes_and_limits_follow_the_settings(synthesise: Synthesise) -> None:
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
def test_each_function_has_its_own_log_group(stack: Synthesised, name: str) -> None:
    group_id, group = stack.one(LOG_GROUP, f"Inference{name}Logs")
    _, function = stack.one(FUNCTION, f"Inference{name}")
    assert function["LoggingConfig"]["LogGroup"] == {"Ref": group_id}
    assert group["RetentionInDays"] == 90


def test_no_function_creates_a_log_group_without_retention(stack: Synthesised) -> None:
    for logical_id, function in stack.resources(FUNCTION).items():
        group = function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        assert stack.template["Resources"][group]["Properties"]["RetentionInDays"] == 90, logical_id


def test_log_retention_follows_the_setting(synthesise: Synthesise) -> None:
    groups = synthesise(log_retention_days=3653).resources(LOG_GROUP).values()
    assert {group["Properties"]["RetentionInDays"] for group in groups} == {3653}


def test_environment_is_what_the_handlers_read(synthesise: Synthesise) -> None:
    stack = synthesise(
        auth="token", event_bus="films", event_uids=True, metrics=True, feedback=True
    )  # every setting that sets a variable
    asked = set()
    given = set()
    for name in ("Api", "Worker"):
        variables = RecordingEnvironment(environment(stack, name))
        Settings.from_env(variables)
        asked |= variables.asked
        given |= set(variables)
    powertools = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL"}
    assert given - powertools == asked
    assert powertools <= given


def test_environment_reaches_the_settings_of_the_handlers(synthesise: Synthesise) -> None:
    stack = synthesise(
        metrics=True,
        allowed_url_hosts=["a.example.org", "b.example.org"],
        url_timeout_seconds=7,
        max_image_bytes=5_000_000,
        max_image_pixels=6_000_000,
        max_decoded_bytes=7_000_000,
        max_frames=2,
        max_dicom_elements=300,
        max_dicom_nesting=4,
        min_image_side=50,
        decode_seconds=8,
        intra_op_threads=2,
        log_level="DEBUG",
        auth="token",
        upload_link_seconds=90,
        event_bus="films/chest",
        event_uids=True,
    )
    api = Settings.from_env(environment(stack, "Api"))
    worker = Settings.from_env(environment(stack, "Worker"))
    assert str(api.model_dir) == str(worker.model_dir) == "/var/task/model_artifacts"
    assert api.allowed_url_hosts == ("a.example.org", "b.example.org")
    assert api.url_timeout_seconds == 7
    assert worker.allowed_url_hosts == ()
    assert api.results_bucket == worker.results_bucket == stack.one("AWS::S3::Bucket", "ResultBucket")[0]
    upload_id, _ = stack.one("AWS::S3::Bucket", "UploadBucket")
    assert api.uploads_bucket == upload_id
    assert api.upload_origin == f"https://{upload_id}.RegionalDomainName".lower()
    assert api.upload_link_seconds == 90
    assert (api.auth, api.auth_secret_id) == ("token", stack.one("AWS::SecretsManager::Secret", "")[0])
    assert worker.uploads_bucket is None
    assert worker.auth_secret_id is None
    assert (api.event_bus, worker.event_bus) == ("", "films/chest")
    assert (api.event_uids, worker.event_uids) == (False, True)
    for settings in (api, worker):
        assert settings.limits == Limits(5_000_000, 6_000_000, 7_000_000, 2, 300, 4, 50, 8)
        assert settings.intra_op_threads == 2
        assert settings.stack_name == "PneumoniaInference"
    assert environment(stack, "Api")["POWERTOOLS_LOG_LEVEL"] == "DEBUG"
    assert environment(stack, "Api")["POWERTOOLS_SERVICE_NAME"] == "pneumonia-api"
    assert environment(stack, "Worker")["POWERTOOLS_SERVICE_NAME"] == "pneumonia-worker"


@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_without_metrics_the_handlers_have_no_stack_name(synthesise: Synthesise, name: str) -> None:
    assert Settings.from_env(environment(synthesise(metrics=False), name)).stack_name is None


@pytest.mark.parametrize(
    "limits",
    [
        {"max_image_bytes": 500_000_000, "max_image_pixels": 89_478_485, "intra_op_threads": 6},
        {"max_image_bytes": 1_000, "max_image_pixels": 10_000, "intra_op_threads": 1},
        {"url_timeout_seconds": 60, "api_timeout_seconds": 61},
    ],
)
def test_the_handlers_accept_every_value_that_the_stack_allows(synthesise: Synthesise, limits: Json) -> None:
    stack = synthesise(**limits)
    for name in ("Api", "Worker"):
        Settings.from_env(environment(stack, name))


@pytest.mark.parametrize("tracing", [False, True])
@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_traces_are_recorded_by_setting(synthesise: Synthesise, name: str, tracing: bool) -> None:
    _, function = synthesise(tracing=tracing).one(FUNCTION, f"Inference{name}")
    assert function.get("TracingConfig") == ({"Mode": "Active"} if tracing else None)
