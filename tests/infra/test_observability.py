"""By default, monitoring stays within the free tier of an AWS account. One setting adds the rest."""

import json
from typing import Any

import pytest

from pneumonia_cli.client.operating.bill import Expected, expected_usage
from pneumonia_cli.stack.prices import FREE, HOURS_A_MONTH, Rates, Usage, beyond
from tests.infra.conftest import Json, Synthesise, Synthesised
from tests.infra.test_dashboard import watched

ALARM, DASHBOARD = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"

# Types of resources that cost nothing while idle. Types that cost something are counted below. A type in neither fails
# the test: look up its price.
FREE_WHILE_IDLE = {
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "Custom::S3BucketNotifications",
}
# Five concurrent long polls of twenty seconds for each queue of a function.
POLLS_A_MONTH = 5 * HOURS_A_MONTH * 3600 / 20


def idle_usage(stack: Synthesised) -> Usage:
    """Return the usage of an idle month, from the resources of a template."""
    alarms, mappings = stack.resources(ALARM), stack.resources("AWS::Lambda::EventSourceMapping")
    dashboards = stack.resources(DASHBOARD)
    counted = {ALARM, DASHBOARD, "AWS::Lambda::EventSourceMapping"}
    types = {resource["Type"] for resource in stack.template["Resources"].values()}
    assert types - counted <= FREE_WHILE_IDLE
    for alias in stack.resources("AWS::Lambda::Alias").values():
        assert "ProvisionedConcurrencyConfig" not in alias["Properties"]
    return Usage(
        queue_messages=POLLS_A_MONTH * len(mappings),
        alarm_hours=HOURS_A_MONTH * sum(watched(alarm["Properties"]) for alarm in alarms.values()),
        dashboard_hours=HOURS_A_MONTH * len(dashboards),
    )


def test_an_idle_stack_stays_within_the_free_tier(stack: Synthesised) -> None:
    rates, idle = Rates.of(stack.settings), idle_usage(stack)
    assert sum(rates.costs(beyond(FREE, idle)).values()) <= 0.10
    assert sum(rates.costs(idle).values()) <= 1.50


def test_the_alarm_on_backfills_stays_within_the_free_tier(synthesise: Synthesise) -> None:
    alarms = synthesise(backfill=True).resources(ALARM).values()
    assert sum(watched(alarm["Properties"]) for alarm in alarms) <= FREE.alarm_hours / HOURS_A_MONTH, (
        "AWS gives an account ten free alarm metrics, and the docs promise that the default stays within them. "
        "Add a new alarm to Monitoring._image_alarms, which is only for observability=full, or remove the promise from "
        "README.md, docs/operations.md ('Estimate the bill') and the description of the setting observability"
    )


@pytest.mark.parametrize(
    "overrides", [{}, {"observability": "full"}, {"metrics": True}, {"dashboard": True}, {"backfill": True}], ids=str
)
def test_the_bill_of_no_images_is_that_of_the_template(synthesise: Synthesise, overrides: Json) -> None:
    stack = synthesise(**overrides)
    expected = expected_usage(stack.settings, Expected(0, 1.0, 100.0))
    alarms = stack.resources(ALARM).values()
    metrics = sum(watched(alarm["Properties"]) for alarm in alarms)
    assert expected.alarm_hours == HOURS_A_MONTH * metrics, (
        f"the alarms watch {metrics} metrics: correct _WATCHED in pneumonia_cli/client/operating/bill.py"
    )
    assert expected.dashboard_hours == HOURS_A_MONTH * len(stack.resources(DASHBOARD))
    assert expected.queue_messages == POLLS_A_MONTH


@pytest.mark.parametrize(
    ("overrides", "metrics", "dashboard"),
    [
        ({}, False, False),
        ({"observability": "full"}, True, True),
        ({"observability": "full", "metrics": False}, False, True),
        ({"observability": "full", "dashboard": False}, True, False),
        ({"metrics": True}, True, False),
        ({"dashboard": True}, False, True),
    ],
    ids=str,
)
def test_metrics_and_dashboard_override_observability(
    synthesise: Synthesise, overrides: dict[str, Any], metrics: bool, dashboard: bool
) -> None:
    stack = synthesise(**overrides)
    functions = [stack.one("AWS::Lambda::Function", part)[1] for part in ("InferenceApi", "InferenceWorker")]
    writes = ["STACK_NAME" in function["Environment"]["Variables"] for function in functions]
    assert writes == [metrics, metrics]
    assert ("PneumoniaTriage" in json.dumps(stack.resources(ALARM))) is metrics
    assert bool(stack.resources(DASHBOARD)) is dashboard


def test_the_alarms_for_rollbacks_exist_by_default(stack: Synthesised) -> None:
    groups = stack.resources("AWS::CodeDeploy::DeploymentGroup").values()
    named = {alarm["Name"]["Ref"] for group in groups for alarm in group["Properties"]["AlarmConfiguration"]["Alarms"]}
    assert len(named) == 4
    assert named <= set(stack.resources(ALARM))
