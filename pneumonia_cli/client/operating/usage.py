"""The usage of a deployed stack in a month, as counted by CloudWatch."""

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

# AWS bills an anomaly detection alarm as three metrics: the metric and the two edges of the band.
_BAND_METRICS = 3

Series = dict[datetime, float]


@dataclass(frozen=True)
class Parts:
    """Physical names of the parts of a stack that cost money.

    `provisioned`: instances of provisioned concurrency that are allocated now. `watched_metrics`: metrics that all
    alarms watch.
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
    """Return the parts of a deployed stack. Raises ServiceError, and botocore's errors."""
    named = outputs(aws, stack)
    found = resources(aws, stack)
    functions = physical(found, FUNCTION, API, WORKER, BACKFILL)
    if not functions or "UploadQueueUrl" not in named:
        raise ServiceError(f"The stack {stack} has no functions of this project. Check --stack and --region.")
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
    """Return the usage from `start` until `end`, both whole hours. Raises botocore's errors."""

    def read(namespace: str, name: str, statistic: str, **dimensions: str) -> Series:
        return _series(cloudwatch, (namespace, name, statistic), dimensions, start, end)

    calls = [read("AWS/Lambda", "Invocations", "Sum", FunctionName=name) for name in parts.functions]
    sent = _sum(read("AWS/SQS", "NumberOfMessagesSent", "Sum", QueueName=parts.queue))
    others = ("NumberOfMessagesReceived", "NumberOfMessagesDeleted", "NumberOfEmptyReceives")
    hours = (end - start) / timedelta(hours=1)
    return Usage(
        invocations=sum(map(_sum, calls)),
        milliseconds=sum(_sum(read("AWS/Lambda", "Duration", "Sum", FunctionName=name)) for name in parts.functions),
        # AWS bills allocated instances, which no metric counts: ProvisionedConcurrentExecutions counts busy ones.
        provisioned_hours=parts.provisioned * hours,
        queue_messages=sent + sum(_sum(read("AWS/SQS", name, "Sum", QueueName=parts.queue)) for name in others),
        uploads=sent,
        # Measured once a day: each value stands for 24 hours.
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
    """Return the first and the last hour (exclusive) of a month in UTC. The current month ends at the last full hour.

    `chosen`: any time in the month; None for the month of `now`.
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
    """Return the values of a metric by hour. `metric`: (namespace, name, statistic)."""
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
    """Return the number of instances allocated for the alias `live`."""
    try:
        found = lambda_.get_provisioned_concurrency_config(FunctionName=function, Qualifier=LIVE)
    except ClientError as error:
        if error_code(error) == "ProvisionedConcurrencyConfigNotFoundException":
            return 0
        raise
    return int(found["AllocatedProvisionedConcurrentExecutions"])


def _watched(cloudwatch: Any, names: tuple[str, ...]) -> int:
    """Return the number of metrics that AWS bills for these alarms."""
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
