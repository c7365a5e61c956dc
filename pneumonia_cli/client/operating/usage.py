"""What a deployed stack used in a month, as CloudWatch has counted it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pneumonia_cli.client.aws import Aws
from pneumonia_cli.client.errors import ServiceError
from pneumonia_cli.client.operating.stack_resources import API, FUNCTION, WORKER, physical, resources
from pneumonia_cli.client.target import outputs
from pneumonia_cli.stack.prices import METRICS_A_FUNCTION, Usage

_HOUR = 3600

# What AWS bills an alarm on a band as: the metric and the two edges.
_BAND_METRICS = 3

Series = dict[datetime, float]


@dataclass(frozen=True)
class Parts:
    """Physical names of the parts of a stack that cost something. `watched_metrics`: of all its alarms."""

    functions: tuple[str, ...]
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
    functions = physical(found, FUNCTION, API, WORKER)
    if not functions or "UploadQueueUrl" not in named:
        raise ServiceError(f"The stack {stack} has no functions of this project.")
    configuration = aws.client("lambda").get_function_configuration(FunctionName=functions[0])
    return Parts(
        functions,
        physical(found, "AWS::Logs::LogGroup", API, WORKER),
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
        provisioned_hours=sum(
            _sum(read("AWS/Lambda", "ProvisionedConcurrentExecutions", "Maximum", FunctionName=name))
            for name in parts.functions
        ),
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
