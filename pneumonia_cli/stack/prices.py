"""The costs of a stack at list prices: one rate for each counted unit, for the dashboard and the command line.

The defaults of the ``price_*`` settings are the first tier of US East (N. Virginia) for x86_64, without the free
tier, in US dollars, as listed in November 2026 at

- https://aws.amazon.com/lambda/pricing/ (arm64: 0.0000133334 a GB-second, 0.0000033334 of provisioned concurrency),
- https://aws.amazon.com/sqs/pricing/ (standard queues),
- https://aws.amazon.com/s3/pricing/ (S3 Standard),
- https://aws.amazon.com/cloudwatch/pricing/ (custom metrics, alarms, dashboards, ingestion of logs).

Not included, since the stack has no counts of them: data transfer to the internet, the INIT phase of cold starts,
storage of logs and of container images in ECR, and calls of the CloudWatch API by people. Also not included: the secret
of ``auth`` token (0.40 a month), customer-managed keys, and the endpoints of a VPC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

from pneumonia_cli.stack.settings import StackSettings

HOURS_A_MONTH = 730
"""Hours of a month, as AWS counts them for billing: 365 × 24 / 12."""

METRICS_A_FUNCTION = 24
"""Custom metrics that one function sends in an hour with traffic: twelve, each once by function and once by model
version. A rejection adds one metric for its code. Hours without cold starts or rejections have fewer metrics."""

PUTS_AN_UPLOAD = 3  # the image, its heatmap, its result
GETS_AN_UPLOAD = 2  # the image, and the check for a newer result

_BYTES_A_GB = 1024**3  # a GB in the prices of AWS


@dataclass(frozen=True)
class Usage:
    """The use of a stack in a period.

    Attributes:
        invocations: invocations of all functions that process images.
        milliseconds: the sum of their durations (metric ``Duration`` of Lambda).
        provisioned_hours: provisioned instances, times the hours.
        queue_messages: messages sent, received and deleted, and empty receives. Each is at most one request.
        uploads: messages from S3, one for each image.
        byte_hours: bytes stored in the two buckets, times the hours.
        log_bytes: bytes ingested by the log groups of these functions.
        metric_hours: custom metrics that were sent, times the hours with data.
        alarm_hours: metrics that alarms watch, times the hours.
        dashboard_hours: dashboards, times the hours.
    """

    invocations: float = 0
    milliseconds: float = 0
    provisioned_hours: float = 0
    queue_messages: float = 0
    uploads: float = 0
    byte_hours: float = 0
    log_bytes: float = 0
    metric_hours: float = 0
    alarm_hours: float = 0
    dashboard_hours: float = 0


FREE: Final = Usage(
    queue_messages=1_000_000,
    metric_hours=10 * HOURS_A_MONTH,
    alarm_hours=10 * HOURS_A_MONTH,
    dashboard_hours=3 * HOURS_A_MONTH,
)
"""The permanent free tier of SQS and CloudWatch for each account and month. All stacks of the account share it. The
free tiers of Lambda and S3 are not included."""


@dataclass(frozen=True)
class Rates:
    """US dollars for one unit of each field of :class:`Usage`, under the same names."""

    invocations: float
    milliseconds: float
    provisioned_hours: float
    queue_messages: float
    uploads: float
    byte_hours: float
    log_bytes: float
    metric_hours: float
    alarm_hours: float
    dashboard_hours: float

    @classmethod
    def of(cls, settings: StackSettings) -> Rates:
        """Return the rates of a stack with these settings."""
        puts = PUTS_AN_UPLOAD * settings.price_thousand_puts
        gets = GETS_AN_UPLOAD * settings.price_thousand_gets
        return cls(
            invocations=settings.price_million_requests / 1e6,
            milliseconds=settings.memory_mb / 1024 / 1000 * settings.price_gb_second,
            provisioned_hours=settings.memory_mb / 1024 * 3600 * settings.price_provisioned_gb_second,
            queue_messages=settings.price_million_queue_requests / 1e6,
            uploads=(puts + gets) / 1000,
            byte_hours=settings.price_storage_gb_month / HOURS_A_MONTH / _BYTES_A_GB,
            log_bytes=settings.price_log_gb / _BYTES_A_GB,
            metric_hours=settings.price_metric_month / HOURS_A_MONTH,
            alarm_hours=settings.price_alarm_month / HOURS_A_MONTH,
            dashboard_hours=settings.price_dashboard_month / HOURS_A_MONTH,
        )

    def costs(self, usage: Usage) -> dict[str, float]:
        """Return the costs in US dollars by the fields of `usage`, in their order."""
        return {name: getattr(self, name) * getattr(usage, name) for name in _names()}


def beyond(free: Usage, usage: Usage) -> Usage:
    """Return `usage` minus `free`, field by field, at least 0."""
    return Usage(**{name: max(0, getattr(usage, name) - getattr(free, name)) for name in _names()})


def _names() -> Iterator[str]:
    return (item.name for item in fields(Rates))
