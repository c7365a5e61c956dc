"""The state machine of the backfill: its definition, its absence by default, and the permissions of both roles."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cfnlint.api import ManualArgs, lint_file

from infra.backfill_definition import RUNS_PREFIX, definition
from pneumonia.backfill import batch
from pneumonia.settings import Settings
from pneumonia.uploads import names
from pneumonia_cli.stack.context import ContextError, settings_of
from tests.infra.conftest import Json, Synthesise, Synthesised
from tests.infra.iam import as_list, text
from tests.infra.test_inference import environment

MACHINE, FUNCTION, ROLE = "AWS::StepFunctions::StateMachine", "AWS::Lambda::Function", "AWS::IAM::Role"
ARCHIVES = ["hospital-archive/xrays/", "whole-archive"]


@pytest.fixture(scope="session")
def backfill_stack(synthesise: Synthesise) -> Synthesised:
    """The stack with a backfill and otherwise the defaults of cdk.json."""
    return synthesise(backfill=True)


def states(stack: Synthesised) -> Json:
    _, machine = stack.one(MACHINE, "")
    found: Json = json.loads(machine["DefinitionString"])
    return found


def tasks(found: Json) -> Iterator[Json]:
    """Yield every task state, also in nested maps."""
    for state in found["States"].values():
        if state["Type"] == "Task":
            yield state
        elif state["Type"] == "Map":
            yield from tasks(state["ItemProcessor"])


def grants(stack: Synthesised, part_of_role_id: str) -> set[tuple[str, str, str]]:
    """Return every (action, resource, condition) that a role is allowed."""
    role_id, _ = stack.one(ROLE, part_of_role_id)
    policies = [p["Properties"] for p in stack.resources("AWS::IAM::Policy").values()]
    return {
        (action, text(resource), json.dumps(statement.get("Condition"), sort_keys=True))
        for policy in policies
        if {"Ref": role_id} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def test_the_state_machine_has_the_definition(backfill_stack: Synthesised) -> None:
    assert states(backfill_stack) == definition(backfill_stack.settings)
    _, machine = backfill_stack.one(MACHINE, "")
    used = set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"]))
    assert used == set(machine["DefinitionSubstitutions"])
    alias_id, _ = backfill_stack.one("AWS::Lambda::Alias", "InferenceBackfill")
    assert machine["DefinitionSubstitutions"]["FunctionArn"] == {"Ref": alias_id}
    assert machine.get("StateMachineType", "STANDARD") == "STANDARD"


def test_settings_reach_the_definition(synthesise: Synthesise) -> None:
    stack = synthesise(
        backfill=True,
        backfill_batch_size=7,
        backfill_max_concurrency=40,
        backfill_tolerated_failure_percent=12,
        worker_timeout_seconds=200,
    )
    found = states(stack)
    for name in ("Listing", "Inventory"):
        state = found["States"][name]
        assert state["ItemBatcher"]["MaxItemsPerBatch"] == 7
        assert (state["MaxConcurrency"], state["ToleratedFailurePercentage"]) == (40, 12)
    assert found["States"]["SumUp"]["Parameters"]["Payload"]["ToleratedPercent"] == 12
    # Longer than the function's own limit, so that Step Functions waits for its response.
    assert {task["TimeoutSeconds"] for task in tasks(found)} == {260}
    assert stack.one(FUNCTION, "InferenceBackfill")[1]["Timeout"] == 200


def test_every_call_of_the_function_is_retried_while_throttled(backfill_stack: Synthesised) -> None:
    found = list(tasks(states(backfill_stack)))
    assert len(found) == 7  # three for each of the two maps, and the summary
    for task in found:
        busy = next(retry for retry in task["Retry"] if "Lambda.TooManyRequestsException" in retry["ErrorEquals"])
        assert busy["MaxAttempts"] >= 10
        # Lambda returns this error for the first calls to a function that was not used for weeks.
        assert "Lambda.CodeArtifactUserPendingException" in busy["ErrorEquals"]
        assert busy["JitterStrategy"] == "FULL"


def test_a_map_respects_its_concurrency_limit(backfill_stack: Synthesised) -> None:
    for name in ("Listing", "Inventory"):
        children = states(backfill_stack)["States"][name]["ItemProcessor"]["States"]
        assert children["ImageByImage"]["MaxConcurrency"] == 1


def test_errors_are_named_as_the_function_raises_them(backfill_stack: Synthesised) -> None:
    children = states(backfill_stack)["States"]["Listing"]["ItemProcessor"]["States"]
    named = {error for retry in children["Predict"]["Retry"] for error in retry["ErrorEquals"]}
    assert {batch.BatchIncomplete.__name__, batch.OutOfTime.__name__} <= named
    (give_up,) = (catch for catch in children["Predict"]["Catch"] if catch["Next"] == "GiveUp")
    assert set(give_up["ErrorEquals"]) == named


def test_both_sides_agree_on_the_prefix_of_runs() -> None:
    assert names.RUNS == RUNS_PREFIX


@pytest.mark.slow
def test_cfn_lint_reads_the_definition(synthesise: Synthesise, tmp_path: Path) -> None:
    stack = synthesise(backfill=True, backfill_archives=ARCHIVES)
    assert lint_file(stack.template_file, config=ManualArgs(regions=["us-east-1"])) == []
    # The stack turns off the rule for definitions because of other partitions. Here it is on.
    template = json.loads(stack.template_file.read_text())
    (machine,) = (r for r in template["Resources"].values() if r["Type"] == MACHINE)
    del machine["Metadata"]["cfn-lint"]
    text = machine["Properties"]["DefinitionString"].replace("${Partition}", "aws")
    del machine["Properties"]["DefinitionSubstitutions"]["Partition"]
    for name, definition_text, rules in (
        ("whole", text, set()),
        ("broken", text.replace('"Pass"', '"Pas"'), {"E3601"}),
    ):
        machine["Properties"]["DefinitionString"] = definition_text
        file = tmp_path / f"{name}.template.json"
        file.write_text(json.dumps(template))
        found = {match.rule.id for match in lint_file(file, config=ManualArgs(regions=["us-east-1"]))}
        assert found == rules, name


def test_the_function_has_nothing_beyond_its_job(synthesise: Synthesise) -> None:
    stack = synthesise(backfill=True, backfill_archives=ARCHIVES)
    group_id, _ = stack.one("AWS::Logs::LogGroup", "InferenceBackfillLogs")
    upload_id, _ = stack.one("AWS::S3::Bucket", "UploadBucket")
    result_id, _ = stack.one("AWS::S3::Bucket", "ResultBucket")
    archives = ("arn:aws:s3:::hospital-archive/xrays/*", "arn:aws:s3:::whole-archive/*")
    runs = json.dumps({"StringLike": {"s3:prefix": f"{RUNS_PREFIX}*"}})
    assert grants(stack, "InferenceBackfillRole") == {
        ("logs:CreateLogStream", f"arn:{group_id}", "null"),
        ("logs:PutLogEvents", f"arn:{group_id}", "null"),
        *(
            (action, resource, "null")
            for action in ("s3:GetObject", "s3:GetObjectVersion")
            for resource in (f"arn:{upload_id}/*", *archives)
        ),
        ("s3:ListBucket", f"arn:{upload_id}", "null"),
        ("s3:ListBucket", "arn:aws:s3:::hospital-archive", "null"),
        ("s3:ListBucket", "arn:aws:s3:::whole-archive", "null"),
        ("s3:PutObject", f"arn:{result_id}/*", "null"),
        ("s3:GetObject", f"arn:{result_id}/*", "null"),
        ("s3:ListBucket", f"arn:{result_id}", runs),
    }


def test_the_machine_has_nothing_beyond_its_job(synthesise: Synthesise) -> None:
    stack = synthesise(backfill=True, backfill_archives=ARCHIVES)
    machine_id, _ = stack.one(MACHINE, "")
    alias_id, _ = stack.one("AWS::Lambda::Alias", "InferenceBackfill")
    upload_id, _ = stack.one("AWS::S3::Bucket", "UploadBucket")
    result_id, _ = stack.one("AWS::S3::Bucket", "ResultBucket")
    prefixed = json.dumps({"StringLike": {"s3:prefix": "xrays/*"}})
    execution = f"arn:aws:states:REGION:ACCOUNT:execution:name:{machine_id}"
    assert grants(stack, "BackfillMachineRole") - grants(stack, "InferenceBackfillRole") == {
        ("lambda:InvokeFunction", f"arn:{alias_id}", "null"),
        ("s3:ListBucket", "arn:aws:s3:::hospital-archive", prefixed),
        *(
            (action, f"arn:{result_id}/{RUNS_PREFIX}*", "null")
            for action in ("s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload")
        ),
        ("states:StartExecution", f"arn:{machine_id}", "null"),
        *(
            (action, f"{execution}{children}", "null")
            for action in ("states:DescribeExecution", "states:StopExecution")
            for children in (":*", "/*")
        ),
    }
    shared = grants(stack, "BackfillMachineRole") & grants(stack, "InferenceBackfillRole")
    assert {action for action, _, _ in shared} == {"s3:ListBucket", "s3:GetObject"}
    assert ("s3:ListBucket", f"arn:{upload_id}", "null") in shared


def test_by_default_the_machine_reads_no_object(backfill_stack: Synthesised) -> None:
    role = "BackfillMachineRole"
    read = {resource for action, resource, _ in grants(backfill_stack, role) if action == "s3:GetObject"}
    result_id, _ = backfill_stack.one("AWS::S3::Bucket", "ResultBucket")
    assert read == {f"arn:{result_id}/{RUNS_PREFIX}*"}


def test_the_machine_is_for_step_functions_of_this_account(backfill_stack: Synthesised) -> None:
    role_id, _ = backfill_stack.one(ROLE, "BackfillMachineRole")
    (trust,) = backfill_stack.template["Resources"][role_id]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "states.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_results_send_no_events(backfill_stack: Synthesised) -> None:
    result_id, result = backfill_stack.one("AWS::S3::Bucket", "ResultBucket")
    assert "NotificationConfiguration" not in result
    listening = [
        r["Properties"]["BucketName"] for r in backfill_stack.resources("Custom::S3BucketNotifications").values()
    ]
    assert {"Ref": result_id} not in listening
    assert listening


def test_outputs_name_it_and_its_sources(synthesise: Synthesise) -> None:
    stack = synthesise(backfill=True, backfill_archives=ARCHIVES)
    machine_id, _ = stack.one(MACHINE, "")
    assert stack.template["Outputs"]["BackfillStateMachineArn"]["Value"] == {"Ref": machine_id}
    upload_id, _ = stack.one("AWS::S3::Bucket", "UploadBucket")
    assert text(stack.template["Outputs"]["BackfillSources"]["Value"]) == ",".join([f"arn:{upload_id}", *ARCHIVES])


def test_it_is_off_by_default(stack: Synthesised) -> None:
    assert stack.resources(MACHINE) == {}
    assert not [name for name in stack.template["Resources"] if "Backfill" in name]
    assert not [name for name in stack.template["Outputs"] if "Backfill" in name]
    assert lint_file(stack.template_file, config=ManualArgs(regions=["us-east-1"])) == []


@pytest.mark.parametrize("role", ["InferenceApiRole", "InferenceWorkerRole"])
def test_nobody_else_may_start_it(backfill_stack: Synthesised, role: str) -> None:
    assert not [action for action, _, _ in grants(backfill_stack, role) if action.startswith("states:")]


def test_the_backfill_function_runs_the_same_image(backfill_stack: Synthesised) -> None:
    _, api = backfill_stack.one(FUNCTION, "InferenceApi")
    _, function = backfill_stack.one(FUNCTION, "InferenceBackfill")
    assert function["ImageConfig"] == {"Command": ["pneumonia.handlers.backfill.handler"]}
    assert (function["Code"], function["MemorySize"], function["Timeout"]) == (api["Code"], 1769, 120)
    assert "ReservedConcurrentExecutions" not in function
    group_id, group = backfill_stack.one("AWS::Logs::LogGroup", "InferenceBackfillLogs")
    assert function["LoggingConfig"]["LogGroup"] == {"Ref": group_id}
    assert group["RetentionInDays"] == 90


def test_its_function_knows_the_buckets_but_no_url_hosts_and_no_event_bus(synthesise: Synthesise) -> None:
    stack = synthesise(backfill=True, event_bus="films", allowed_url_hosts=["a.example.org"], max_frames=2)
    variables = environment(stack, "Backfill")
    found = Settings.from_env(variables)
    assert found.uploads_bucket == stack.one("AWS::S3::Bucket", "UploadBucket")[0]
    assert found.results_bucket == stack.one("AWS::S3::Bucket", "ResultBucket")[0]
    assert (found.allowed_url_hosts, found.event_bus, found.auth_secret_id) == ((), "", None)
    assert (found.limits.max_frames, found.stack_name) == (2, None)
    assert variables["POWERTOOLS_SERVICE_NAME"] == "pneumonia-backfill"


def test_a_failed_backfill_alarms(backfill_stack: Synthesised, synthesise: Synthesise) -> None:
    machine_id, _ = backfill_stack.one(MACHINE, "")
    topic_id, _ = backfill_stack.one("AWS::SNS::Topic", "")
    alarm_id, alarm = backfill_stack.one("AWS::CloudWatch::Alarm", "MonitoringBackfillFailed")
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/States", "ExecutionsFailed", "Sum")
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
    assert (alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, "notBreaching")
    assert alarm["Dimensions"] == [{"Name": "StateMachineArn", "Value": {"Ref": machine_id}}]
    assert alarm["AlarmActions"] == [{"Ref": topic_id}]
    _, dashboard = synthesise(backfill=True, observability="full").one("AWS::CloudWatch::Dashboard", "")
    assert alarm_id in json.dumps(dashboard)


def test_archives_without_a_backfill_are_refused(defaults: Json) -> None:
    with pytest.raises(ContextError, match="'backfill_archives'"):
        settings_of(defaults | {"backfill_archives": ARCHIVES})
