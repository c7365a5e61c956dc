"""`pneumonia bill`: estimate, at list prices, the monthly cost of a stack or of a number of images."""

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.table import Table

from pneumonia_cli.bundled import CDK_JSON
from pneumonia_cli.client import output
from pneumonia_cli.client.aws import Aws, errors_in_words
from pneumonia_cli.client.errors import EXIT_OK, UsageProblem
from pneumonia_cli.client.operating.usage import find_parts, month, usage
from pneumonia_cli.client.records import print_records
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.stack.context import default_settings
from pneumonia_cli.stack.observability import has_dashboard, writes_metrics
from pneumonia_cli.stack.prices import FREE, HOURS_A_MONTH, METRICS_A_FUNCTION, Rates, Usage, beyond
from pneumonia_cli.stack.settings import StackSettings

_LABELS: Final = {
    "invocations": "invocations",
    "milliseconds": "duration of the functions",
    "provisioned_hours": "provisioned concurrency",
    "queue_messages": "queue",
    "uploads": "S3 requests",
    "byte_hours": "S3 storage",
    "log_bytes": "log ingestion",
    "metric_hours": "metrics of the functions",
    "alarm_hours": "alarms",
    "dashboard_hours": "dashboard",
}

# Measured on samples/ (512 × 512 pixels) in the local cloud: result and heatmap are 143 to 149 kB, the log is 1.5 kB.
# On AWS, Lambda adds three lines to the log.
_RESULT_BYTES: Final = 150_000
_LOG_BYTES: Final = 2_000

# Lambda polls an idle queue with five parallel long polls of 20 seconds (Lambda Developer Guide, "Using Lambda with
# Amazon SQS": it starts with five).
_EMPTY_RECEIVES_A_MONTH: Final = 5 * 3 * 60 * HOURS_A_MONTH
_MESSAGES_AN_IMAGE: Final = 3  # sent, received, deleted

# The number of metrics that the alarms watch, with and without the functions' metrics, and for the alarm on backfills.
# tests/infra/test_observability.py compares them with the template.
_WATCHED: Final = {True: 19, False: 9}
_WATCHED_BACKFILL: Final = 1

_DAYS_A_MONTH: Final = HOURS_A_MONTH / 24

_FREE_IN_WORDS: Final = (
    "{:.2f} of the total is beyond the free tier of CloudWatch and SQS: 10 metrics, 10 alarm metrics, 3 dashboards and "
    "a million queue requests a month. All stacks of an account share the free tier."
)
_NOT_INCLUDED: Final = (
    "List prices, without free tier, taxes and discounts. Not included: data transfer, the INIT phase of cold starts, "
    "storage of logs and images, the secret of auth token, customer-managed keys, a VPC. Only the bill from AWS counts."
)


@dataclass(frozen=True)
class Expected:
    """The expected load: images a month through the upload bucket, and size and worker time of each."""

    films: int
    megabytes: float
    milliseconds: float


def settings(cdk_json: Path | None) -> StackSettings:
    """Return the settings of a cdk.json, including the prices. Raises UsageProblem."""
    path = cdk_json or CDK_JSON
    try:
        return default_settings(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageProblem(f"{path} cannot be used: {error}") from None


def for_films(chosen: StackSettings, expected: Expected, *, shape: Shape = Shape.TABLE) -> int:
    """Show the monthly cost of the expected load, and return the exit code."""
    rates, expected_use = Rates.of(chosen), expected_usage(chosen, expected)
    title = f"{expected.films} images of {expected.megabytes:g} MB a month, {expected.milliseconds:g} ms each, in USD"
    left = sum(rates.costs(beyond(FREE, expected_use)).values())
    return _show(title, rates.costs(expected_use), left, shape=shape)


def of_month(aws: Aws, stack: str, chosen: StackSettings, when: datetime | None, *, shape: Shape = Shape.TABLE) -> int:
    """Show the cost of a stack in a month, and return the exit code. Raises UsageProblem, ServiceError."""
    start, end = month(when, datetime.now(UTC))
    if end == start:
        raise UsageProblem("There is no usage yet: the first hour of the month has not ended.")
    with errors_in_words("The usage"):
        parts = find_parts(aws, stack)
        used = usage(aws.client("cloudwatch"), parts, start, end)
    rates = Rates.of(dataclasses.replace(chosen, memory_mb=parts.memory_mb))
    title = f"{stack} from {start:%Y-%m-%d} to {end:%Y-%m-%d %H:%M} UTC, in USD"
    return _show(title, rates.costs(used), sum(rates.costs(beyond(FREE, used)).values()), shape=shape)


def expected_usage(chosen: StackSettings, expected: Expected) -> Usage:
    """Return the monthly usage of a stack in a steady state, in which as much expires as arrives.

    Backfills are not included. Two assumptions give the highest cost: each image arrives alone, as a separate batch,
    and the arrivals are spread over as many hours as possible.
    """
    films = expected.films
    kept = _months(chosen.upload_expiry_days) * expected.megabytes * 1e6
    kept += _months(chosen.result_expiry_days) * _RESULT_BYTES
    return Usage(
        invocations=films,
        milliseconds=films * expected.milliseconds,
        provisioned_hours=HOURS_A_MONTH * (chosen.api_provisioned_concurrency or 0),
        queue_messages=films * _MESSAGES_AN_IMAGE + _EMPTY_RECEIVES_A_MONTH,
        uploads=films,
        byte_hours=films * kept * HOURS_A_MONTH,
        log_bytes=films * _LOG_BYTES,
        metric_hours=min(films, HOURS_A_MONTH) * METRICS_A_FUNCTION * writes_metrics(chosen),
        alarm_hours=(_WATCHED[writes_metrics(chosen)] + _WATCHED_BACKFILL * chosen.backfill) * HOURS_A_MONTH,
        dashboard_hours=HOURS_A_MONTH * has_dashboard(chosen),
    )


def _months(days: int | None) -> float:
    """Return how many months of arrivals are stored. Objects that never expire count for one year."""
    return (365 if days is None else days) / _DAYS_A_MONTH


def _show(title: str, costs: dict[str, float], beyond_free: float, *, shape: Shape) -> int:
    total = sum(costs.values())
    if shape.for_programs:
        lines = costs | {"total": total}
        whole = {"title": title, "usd": lines, "usd_beyond_free": beyond_free}
        rows = [{"item": name, "usd": cost} for name, cost in (lines | {"beyond_free": beyond_free}).items()]
        print_records(whole, ("item", "usd"), rows, shape)
        return EXIT_OK
    output.print_text(title)
    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, cost in sorted(costs.items(), key=lambda item: -item[1]):
        if cost:
            table.add_row(_LABELS[name], f"{cost:.2f}" if cost >= 0.01 else "< 0.01")
    table.add_section()
    table.add_row("total", f"{total:.2f}", style="bold")
    output.stdout.print(table)
    output.stdout.print(_FREE_IN_WORDS.format(beyond_free))
    output.stdout.print(_NOT_INCLUDED)
    return EXIT_OK
