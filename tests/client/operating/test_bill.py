import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pneumonia_cli.bundled import CDK_JSON
from pneumonia_cli.client.errors import ServiceError, UsageProblem
from pneumonia_cli.client.operating import bill, usage
from pneumonia_cli.client.operating.bill import Expected
from pneumonia_cli.client.operating.usage import Parts
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.stack.context import default_settings
from pneumonia_cli.stack.prices import METRICS_A_FUNCTION, Usage
from pneumonia_cli.stack.settings import StackSettings
from tests.client.conftest import Pneumonia

MARCH, APRIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
PARTS = Parts(
    functions=("stack-api", "stack-worker", "stack-backfill"),
    provisioned=3,
    log_groups=("/api", "/worker", "/backfill"),
    queue="queue",
    buckets=("uploads", "results"),
    watched_metrics=19,
    dashboards=1,
    memory_mb=1769,
)

# The metrics in CloudWatch by (name, first dimension): values of consecutive hours, in two pages.
SERIES: dict[tuple[str, str], list[float]] = {
    ("Invocations", "stack-api"): [100, 0, 50],
    ("Invocations", "stack-worker"): [10, 10, 0],
    ("Invocations", "stack-backfill"): [0, 0, 7],
    ("Duration", "stack-backfill"): [1_000],
    ("Duration", "stack-api"): [10_000, 0, 5_000],
    ("Duration", "stack-worker"): [2_000, 3_000],
    # Counts only busy instances, but AWS bills allocated ones.
    ("ProvisionedConcurrentExecutions", "stack-api"): [2, 2],
    ("NumberOfMessagesSent", "queue"): [40],
    ("NumberOfMessagesReceived", "queue"): [41],
    ("NumberOfMessagesDeleted", "queue"): [39],
    ("NumberOfEmptyReceives", "queue"): [900],
    ("BucketSizeBytes", "uploads"): [1e9, 2e9],
    ("BucketSizeBytes", "results"): [1e8],
    ("IncomingBytes", "/api"): [1000],
    ("IncomingBytes", "/worker"): [2000, 500],
    ("IncomingBytes", "/backfill"): [70],
}


class CloudWatch:
    """Returns get_metric_data from SERIES, one page for each hour."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> Any:
        assert operation == "get_metric_data"
        return self

    def paginate(self, **request: Any) -> Any:
        (query,) = request["MetricDataQueries"]
        metric = query["MetricStat"]["Metric"]
        dimensions = {entry["Name"]: entry["Value"] for entry in metric["Dimensions"]}
        self.asked.append({**query["MetricStat"], "Metric": metric, "dimensions": dimensions})
        values = SERIES.get((metric["MetricName"], next(iter(dimensions.values()))), [])
        for hour, value in enumerate(values):
            time = request["StartTime"] + timedelta(hours=hour)
            yield {"MetricDataResults": [{"Timestamps": [time], "Values": [value]}]}


def test_usage_is_what_was_counted() -> None:
    cloudwatch = CloudWatch()
    assert usage.usage(cloudwatch, PARTS, MARCH, APRIL) == Usage(
        invocations=177,
        milliseconds=21_000,
        provisioned_hours=3 * 31 * 24,
        queue_messages=1020,
        uploads=40,
        byte_hours=24 * 3.1e9,
        log_bytes=3570,
        metric_hours=5 * METRICS_A_FUNCTION,  # two hours with calls of api and worker, one of backfill
        alarm_hours=19 * 31 * 24,
        dashboard_hours=31 * 24,
    )
    statistics = {entry["Metric"]["MetricName"]: entry["Stat"] for entry in cloudwatch.asked}
    assert statistics["BucketSizeBytes"] == "Average"
    assert statistics["Duration"] == "Sum"
    assert {entry["Period"] for entry in cloudwatch.asked} == {3600}


NOW = datetime(2026, 11, 25, 9, 30, 5, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("chosen", "start", "end"),
    [
        (None, datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 25, 9, tzinfo=UTC)),
        (datetime(2026, 11, 1), datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 25, 9, tzinfo=UTC)),
        (datetime(2025, 12, 1), datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        (datetime(2028, 2, 1), datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 2, 1, tzinfo=UTC)),
    ],
)
def test_a_month_has_whole_hours_and_ends_by_now(chosen: datetime, start: datetime, end: datetime) -> None:
    assert usage.month(chosen, NOW) == (start, end)


class Aws:
    """The AWS clients that a bill needs, with the answers of a small stack."""

    region = "eu-central-1"

    def __init__(
        self, alarms: list[dict[str, Any]], resources: list[tuple[str, str, str]], provisioned: int | None = None
    ) -> None:
        self._alarms = alarms
        self._provisioned = provisioned
        self._resources = resources

    def client(self, _service: str) -> Any:
        return self

    def describe_stacks(self, **_request: Any) -> Any:
        names = {
            "UploadQueueUrl": "https://sqs/1/queue",
            "UploadBucketName": "uploads",
            "ResultBucketName": "results",
        }
        return {"Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in names.items()]}]}

    def get_paginator(self, operation: str) -> Any:
        return CloudWatch() if operation == "get_metric_data" else self

    def paginate(self, **_request: Any) -> Any:
        for kind, logical, physical in self._resources:
            entry = {"ResourceType": kind, "LogicalResourceId": logical, "PhysicalResourceId": physical}
            yield {"StackResourceSummaries": [entry]}

    def describe_alarms(self, *, AlarmNames: list[str], MaxRecords: int) -> Any:
        assert len(AlarmNames) <= MaxRecords == 100
        return {"MetricAlarms": [alarm for alarm in self._alarms if alarm["AlarmName"] in AlarmNames]}

    def get_function_configuration(self, **_request: Any) -> Any:
        return {"MemorySize": 3008}

    def get_provisioned_concurrency_config(self, **request: Any) -> Any:
        assert request == {"FunctionName": "stack-api", "Qualifier": "live"}
        if self._provisioned is None:
            code = "ProvisionedConcurrencyConfigNotFoundException"
            raise ClientError({"Error": {"Code": code}}, "GetProvisionedConcurrencyConfig")
        return {"AllocatedProvisionedConcurrentExecutions": self._provisioned}


FUNCTION, GROUP, ALARM = "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::CloudWatch::Alarm"
STACK = [
    (FUNCTION, "InferenceApi27", "stack-api"),
    (FUNCTION, "BucketNotificationsHandler05", "not of images"),
    (FUNCTION, "InferenceWorker90", "stack-worker"),
    (FUNCTION, "InferenceBackfill71", "stack-backfill"),
    (GROUP, "InferenceApiLogsA1", "/api"),
    (GROUP, "InferenceWorkerLogsB1", "/worker"),
    (GROUP, "InferenceBackfillLogsC1", "/backfill"),
    (GROUP, "UploadsNotificationsLogs", "/notifications"),
    ("AWS::CloudWatch::Dashboard", "DashboardDashboard", "stack"),
    *((ALARM, f"Monitoring{number}", f"alarm-{number}") for number in range(103)),
]
ALARMS: list[dict[str, Any]] = [
    {"AlarmName": "alarm-0", "Metrics": []},
    {"AlarmName": "alarm-1", "ThresholdMetricId": "e", "Metrics": [{"Expression": "e"}, {"MetricStat": {}}]},
    {"AlarmName": "alarm-102", "Metrics": [{"Expression": "e"}, *[{"MetricStat": {}}] * 4]},
    {"AlarmName": "of another stack"},
]


def test_parts_are_those_of_the_stack() -> None:
    aws: Any = Aws(ALARMS, STACK, provisioned=3)
    assert usage.find_parts(aws, "stack") == dataclasses.replace(PARTS, watched_metrics=1 + 3 + 4, memory_mb=3008)


def test_a_function_without_provisioned_concurrency_has_none() -> None:
    aws: Any = Aws(ALARMS, STACK)
    assert usage.find_parts(aws, "stack").provisioned == 0


def test_a_stack_without_the_service() -> None:
    aws: Any = Aws([], [(FUNCTION, "Other", "other")])
    with pytest.raises(ServiceError, match="no functions of this project"):
        usage.find_parts(aws, "stack")


def test_the_bill_of_a_month(capsys: pytest.CaptureFixture[str]) -> None:
    aws: Any = Aws(ALARMS, STACK)
    settings = default_settings()
    assert bill.of_month(aws, "stack", settings, datetime(2026, 3, 1), shape=Shape.JSON) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["title"] == "stack from 2026-03-01 to 2026-04-01 00:00 UTC, in USD"
    usd = told["usd"]
    # Uses the memory of the deployed functions, not that in cdk.json.
    assert usd["milliseconds"] == pytest.approx(21 * 3008 / 1024 * 0.0000166667)
    assert usd["dashboard_hours"] == pytest.approx(3.00 * 31 * 24 / 730)
    assert usd["total"] == pytest.approx(sum(value for name, value in usd.items() if name != "total"))


def test_a_month_that_has_not_begun() -> None:
    aws: Any = Aws(ALARMS, STACK)
    with pytest.raises(UsageProblem, match="no usage yet"):
        bill.of_month(aws, "stack", default_settings(), datetime(2999, 1, 1))


def with_settings(**overrides: Any) -> StackSettings:
    return dataclasses.replace(default_settings(), **overrides)


def test_an_expected_number_of_images() -> None:
    expected = bill.expected_usage(with_settings(), Expected(100, 2.0, 250.0))
    assert expected.invocations == expected.uploads == 100
    assert expected.milliseconds == 25_000
    assert expected.queue_messages == 300 + 657_000
    # Uploads of 30 days and results of one year are stored at any time.
    kept = 100 * 12 / 365 * (30 * 2e6 + 365 * 150_000)
    assert expected.byte_hours == pytest.approx(kept * 730)
    assert (expected.metric_hours, expected.alarm_hours, expected.dashboard_hours) == (0, 9 * 730, 0)


@pytest.mark.parametrize(
    ("overrides", "look", "value"),
    [
        ({"metrics": True}, lambda used: (used.metric_hours, used.alarm_hours), (730 * METRICS_A_FUNCTION, 19 * 730)),
        ({"dashboard": True}, lambda used: used.dashboard_hours, 730),
        ({"observability": "full"}, lambda used: (used.alarm_hours, used.dashboard_hours), (19 * 730, 730)),
        ({"backfill": True}, lambda used: used.alarm_hours, 10 * 730),
        ({"api_provisioned_concurrency": 2}, lambda used: used.provisioned_hours, 1460),
        (
            {"upload_expiry_days": None, "result_expiry_days": None},
            lambda used: round(used.byte_hours / 1e6),
            round(10_000 * 12 / 365 * 365 * (1 + 0.15) * 730),
        ),
    ],
)
def test_settings_change_the_usage(overrides: dict[str, Any], look: Callable[[Usage], Any], value: Any) -> None:
    assert look(bill.expected_usage(with_settings(**overrides), Expected(10_000, 1.0, 100.0))) == value


def test_metrics_cost_no_more_than_a_month_has_hours() -> None:
    assert (
        bill.expected_usage(with_settings(metrics=True), Expected(10**6, 1, 1)).metric_hours == 730 * METRICS_A_FUNCTION
    )


def test_the_command(pneumonia: Pneumonia) -> None:
    ran = pneumonia("bill", "--films", "0", "--json")
    assert ran.code == 0
    told = json.loads(ran.out)
    assert told["usd"]["total"] == pytest.approx(0.90 + 0.2628)
    assert told["usd_beyond_free"] == 0
    shown = pneumonia("bill", "--films", "10000")
    assert shown.code == 0
    assert "S3 requests" in shown.out
    assert "beyond the free tier of CloudWatch and SQS" in " ".join(shown.out.split())
    assert "INIT phase" in " ".join(shown.out.split())
    assert pneumonia("bill").code == 2


def test_other_prices(pneumonia: Pneumonia, tmp_path: Path) -> None:
    document = json.loads(CDK_JSON.read_text())
    document["context"] |= {"price_dashboard_month": 5, "observability": "full"}
    (tmp_path / "cdk.json").write_text(json.dumps(document))
    ran = pneumonia("bill", "--films", "0", "--settings", tmp_path / "cdk.json", "--json")
    assert json.loads(ran.out)["usd"]["dashboard_hours"] == pytest.approx(5)
    (tmp_path / "cdk.json").write_text('{"context": {}}')
    assert pneumonia("bill", "--films", "0", "--settings", tmp_path / "cdk.json").code == 2
    assert pneumonia("bill", "--films", "0", "--settings", tmp_path / "none.json").code == 2
