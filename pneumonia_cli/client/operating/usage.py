"""What a deployed stack used in a month, as CloudWatch has counted it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from pneumonia_cli.client.aws import Aws, error_code
from pneumonia_cli.client.errors import ServiceError
from pneumonia_cli.client.operating.stack_resources import API, BACKFILL, FUNCTION, LIVE, WORKER, physical, resources
from pneumonia_cli.client.target import outputs
from pneumonia_cli.stack.prices import METRICS_A_FUNCTION, Usage

_HOUR = 3600

# What AWS bills an alarm on a band as: the metric and the two edges.
_BAND_METRICS = 3

Series = dict[datetime, float]


@dataclass(frozen=True)
class Parts:
    """Physical names of the parts of a stack that cost something.

    `provisioned`: instances that are kept started, as they are allocated now. `watched_metrics`: of all its alarms.
    """

    functions: tuple[str, ...]
    provisioned: int
    log_groups: tuple[str, ...]
    queue: str
    buckets: tuple[str, ...]
    watched_metrics: int
    dashboards: int
    memory_mb: int


def find_parts(aws: Aws, stack: str) -> Parts:
    """The parts of a deployed stack. Raises ServiceError, and botocore's errors."""
    named = outputs(aws, stack)
    found = resources(aws, stack)
    functions = physical(found, FUNCTION, API, WORKER, BACKFILL)
    if not functions or "UploadQueueUrl" not in named:
        raise ServiceError(f"The stack {stack} has no functions of this project.")
    lambda_ = aws.client("lambda")
    configuration = lambda_.get_function_configuration(FunctionName=functions[0])
    return Parts(
        functions,
        sum(_provisioned(lambda_, name) for name in physical(found, FUNCTION, API)),
        physical(found, "AWS::Logs::LogGroup", API, WORKER, BACKFILL),
        named["UploadQueueUrl"].rpartition("/")[2],
        (named["UploadBucketName"], named["ResultBucketName"]),
        _watched(aws.client("cloudwatch"), physical(found, "AWS::CloudWatch::Alarm")),
        len(physical(found, "AWS::CloudWatch::Dashboard")),
        int(configuration["MemorySize"]),
    )


def usage(cloudwatch: Any, parts: Parts, start: datetime, end: datetime) -> Usage:
    """What was counted from `start` until `end`, whole hours. Raises botocore's errors."""

    def read(namespace: str, name: str, statistic: str, **dimensions: str) -> Series:
        return _series(cloudwatch, (namespace, name, statistic), dimensions, start, end)

    calls = [read("AWS/Lambda", "Invocations", "Sum", FunctionName=name) for name in parts.functions]
    sent = _sum(read("AWS/SQS", "NumberOfMessagesSent", "Sum", QueueName=parts.queue))
    others = ("NumberOfMessagesReceived", "NumberOfMessagesDeleted", "NumberOfEmptyReceives")
    hours = (end - start) / timedelta(hours=1)
    return Usage(
        invocations=sum(map(_sum, calls)),
        milliseconds=sum(_sum(read("AWS/Lambda", "Duration", "Sum", FunctionName=name)) for name in parts.functions),
        # No metric counts what is allocated, which is what is billed: ProvisionedConcurrentExecutions are those that
        # work.
        provisioned_hours=parts.provisioned * hours,
        queue_messages=sent + sum(_sum(read("AWS/SQS", name, "Sum", QueueName=parts.queue)) for name in others),
        uploads=sent,
        # Once a day: each value holds for the 24 hours of it.
        byte_hours=24
        * sum(
            _sum(read("AWS/S3", "BucketSizeBytes", "Average", BucketName=name, StorageType="StandardStorage"))
            for name in parts.buckets
        ),
        log_bytes=sum(_sum(read("AWS/Logs", "IncomingBytes", "Sum", LogGroupName=name)) for name in parts.log_groups),
        metric_hours=METRICS_A_FUNCTION * sum(1 for series in calls for value in series.values() if value),
        alarm_hours=parts.watched_metrics * hours,
        dashboard_hours=parts.dashboards * hours,
    )


def month(chosen: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """First and last hour (exclusive) of a month in UTC; of the running one, up to the hour that has ended.

    `chosen`: any time of the month; None for that of `now`.
    """
    start = (chosen or now).replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    following = (start + timedelta(days=32)).replace(day=1)
    return start, max(start, min(following, now.replace(minute=0, second=0, microsecond=0)))


def _series(
    cloudwatch: Any,
    metric: tuple[str, str, str],
    dimensions: dict[str, str],
    start: datetime,
    end: datetime,
) -> Series:
    """Hour -> value of (namespace, name, statistic)."""
    namespace, name, statistic = metric
    query = {
        "Id": "m",
        "MetricStat": {
            "Metric": {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": _HOUR,
            "Stat": statistic,
        },
    }
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[query], StartTime=start, EndTime=end
    )
    found: Series = {}
    for page in pages:
        for result in page["MetricDataResults"]:
            found.update(zip(result["Timestamps"], result["Values"], strict=True))
    return found


def _sum(series: Series) -> float:
    return sum(series.values())


def _provisioned(lambda_: Any, function: str) -> int:
    """Instances that are kept started for the alias `live`."""
    try:
        found = lambda_.get_provisioned_concurrency_config(FunctionName=function, Qualifier=LIVE)
    except ClientError as error:
        if error_code(error) == "ProvisionedConcurrencyConfigNotFoundException":
            return 0
        raise
    return int(found["AllocatedProvisionedConcurrentExecutions"])


def _watched(cloudwatch: Any, names: tuple[str, ...]) -> int:
    """How many metrics these alarms are billed for."""
    return sum(_billed(alarm) for batch in _batches(names, 100) for alarm in _describe(cloudwatch, batch))


def _describe(cloudwatch: Any, names: list[str]) -> list[dict[str, Any]]:
    return list(cloudwatch.describe_alarms(AlarmNames=names, MaxRecords=100).get("MetricAlarms", []))


def _billed(alarm: Mapping[str, Any]) -> int:
    if alarm.get("ThresholdMetricId"):
        return _BAND_METRICS
    return sum("MetricStat" in metric for metric in alarm.get("Metrics") or []) or 1


def _batches(items: tuple[str, ...], size: int) -> Iterator[list[str]]:
    for first in range(0, len(items), size):
        yield list(items[first : first + size])
