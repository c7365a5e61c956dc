"""The dashboard's row of costs: the rates of :mod:`pneumonia_cli.stack.prices` times the counts of CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

from infra.uploads import Uploads
from pneumonia_cli.stack.observability import writes_metrics
from pneumonia_cli.stack.prices import METRICS_A_FUNCTION, Rates
from pneumonia_cli.stack.settings import StackSettings

# The period is one hour, because a custom metric is billed for the hours in which it was sent.
_PERIOD: Final = Duration.hours(1)
_SPAN: Final = "-P30D"
_DAYS: Final = 30


def cost_widgets(
    settings: StackSettings,
    *,
    functions: Mapping[str, lambda_.Function],
    uploads: Uploads,
    watched_metrics: int,
) -> list[cloudwatch.IWidget]:
    """Return the total of the last 30 days, its parts over time, and a note on what it leaves out.

    `functions`: all functions that process images, by name. `watched_metrics`: number of metrics that all alarms watch.
    """

    def each(kind: str) -> str:
        return "+".join(f"FILL({kind}_{function},0)" for function in functions)

    # The number of functions that sent metrics in the hour. Only functions that were called send metrics.
    active = "+".join(f"IF(FILL(calls_{function},0)>0,1,0)" for function in functions)
    rates = Rates.of(settings)
    sources = _sources(functions, uploads)
    queue = "+".join(f"FILL({name},0)" for name in sources if name.startswith("queue_"))
    costs = {
        "duration": f"{_number(rates.milliseconds)}*({each('duration')})",
        "invocations": f"{_number(rates.invocations)}*({each('calls')})",
        "provisioned": f"TIME_SERIES({_number(rates.provisioned_hours * (settings.api_provisioned_concurrency or 0))})",
        "queue": f"{_number(rates.queue_messages)}*({queue})",
        "S3 requests": f"{_number(rates.uploads)}*FILL(queue_sent,0)",
        # S3 reports the size of a bucket once a day.
        "S3 storage": f"{_number(rates.byte_hours)}*(FILL(size_uploads,REPEAT)+FILL(size_results,REPEAT))",
        "logs": f"{_number(rates.log_bytes)}*({each('logs')})",
        "metrics": f"{_number(rates.metric_hours * METRICS_A_FUNCTION)}*({active})",
        "alarms": f"TIME_SERIES({_number(rates.alarm_hours * watched_metrics)})",
        "dashboard": f"TIME_SERIES({_number(rates.dashboard_hours)})",
    }
    if not writes_metrics(settings):
        del costs["metrics"]
    if not settings.api_provisioned_concurrency:
        del costs["provisioned"]

    def sum_up(expression: str, label: str) -> cloudwatch.MathExpression:
        return cloudwatch.MathExpression(
            expression=f"RUNNING_SUM({expression})",
            using_metrics={name: metric for name, metric in sources.items() if f"{name}," in expression},
            label=label,
            period=_PERIOD,
        )

    return [
        cloudwatch.SingleValueWidget(
            title=f"Estimate for {_DAYS} days, USD",
            # One metric is enough, because the last value of the running sum is the total.
            metrics=[sum_up(" + ".join(f"({cost})" for cost in costs.values()), "total")],
            start=_SPAN,
            period=_PERIOD,
            width=4,
            height=6,
        ),
        cloudwatch.GraphWidget(
            title=f"Cumulative cost over {_DAYS} days, USD",
            left=[sum_up(cost, label) for label, cost in costs.items()],
            left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
            stacked=True,
            start=_SPAN,
            period=_PERIOD,
            width=12,
            height=6,
        ),
        cloudwatch.TextWidget(
            markdown=(
                "An estimate at list prices (settings `price_*`), without the free tier, taxes and discounts.\n\n"
                f"**Included:** {', '.join(costs)}. Logs include only ingestion. Metrics are {METRICS_A_FUNCTION} for "
                "each function, in hours with calls.\n\n"
                "**Not included:** data transfer, the INIT phase of cold starts, storage of logs and container images, "
                "secrets. The AWS bill is authoritative; `pneumonia bill` calculates the same for any month."
            ),
            width=8,
            height=6,
        ),
    ]


def _sources(functions: Mapping[str, lambda_.Function], uploads: Uploads) -> dict[str, cloudwatch.IMetric]:
    """Return the usage metrics by the ids that the expressions use."""
    queue = uploads.queue
    sources: dict[str, cloudwatch.IMetric] = {
        "queue_sent": queue.metric_number_of_messages_sent(period=_PERIOD, statistic="Sum"),
        "queue_received": queue.metric_number_of_messages_received(period=_PERIOD, statistic="Sum"),
        "queue_deleted": queue.metric_number_of_messages_deleted(period=_PERIOD, statistic="Sum"),
        "queue_empty": queue.metric_number_of_empty_receives(period=_PERIOD, statistic="Sum"),
        "size_uploads": _size(uploads.upload_bucket),
        "size_results": _size(uploads.result_bucket),
    }
    for name, function in functions.items():
        sources[f"calls_{name}"] = function.metric_invocations(period=_PERIOD, statistic="Sum")
        sources[f"duration_{name}"] = function.metric_duration(period=_PERIOD, statistic="Sum")
        sources[f"logs_{name}"] = cloudwatch.Metric(
            namespace="AWS/Logs",
            metric_name="IncomingBytes",
            dimensions_map={"LogGroupName": function.log_group.log_group_name},
            period=_PERIOD,
            statistic="Sum",
        )
    return sources


def _size(bucket: s3.Bucket) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/S3",
        metric_name="BucketSizeBytes",
        dimensions_map={"BucketName": bucket.bucket_name, "StorageType": "StandardStorage"},
        period=_PERIOD,
        statistic="Average",
    )


def _number(value: float) -> str:
    """Format without an exponent: the syntax of metric math does not document exponents."""
    return f"{value:.20f}".rstrip("0")
