"""`pneumonia bill`: what a stack cost in a month, or would cost for so many films, at list prices."""

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
    "log_bytes": "logs taken in",
    "metric_hours": "metrics of the functions",
    "alarm_hours": "alarms",
    "dashboard_hours": "dashboard",
}

# Measured on samples/ (512 × 512 pixels) in the local cloud: result and heatmap are 143 to 149 kB, the log is 1.5 kB;
# three lines of Lambda's own come on top.
_RESULT_BYTES: Final = 150_000
_LOG_BYTES: Final = 2_000

# Lambda's poller asks an idle queue with five long polls of 20 seconds at a time (Lambda Developer Guide, "Using Lambda
# with Amazon SQS": it begins with five).
_EMPTY_RECEIVES_A_MONTH: Final = 5 * 3 * 60 * HOURS_A_MONTH
_MESSAGES_A_FILM: Final = 3  # sent, received, deleted

# Of the alarms with and without metrics, and of the one on backfills; tests/infra/test_observability.py holds them
# against the template.
_WATCHED: Final = {True: 19, False: 9}
_WATCHED_BACKFILL: Final = 1

_DAYS_A_MONTH: Final = HOURS_A_MONTH / 24

_FREE_IN_WORDS: Final = (
    "{:.2f} of it is beyond what CloudWatch and SQS give each account free: 10 metrics, 10 alarm metrics, 3 dashboards "
    "and a million queue requests a month, for all stacks of the account together."
)
_NOT_IN_IT: Final = (
    "List prices without free tier, taxes and discounts. Not in it: data transfer, the INIT phase of cold starts, "
    "storage of logs and images, the secret of auth token, customer-managed keys, a VPC. AWS's bill decides."
)


@dataclass(frozen=True)
class Expected:
    """So many films a month through the upload bucket, of so many megabytes, which take the worker so long each."""

    films: int
    megabytes: float
    milliseconds: float


def settings(cdk_json: Path | None) -> StackSettings:
    """The settings, prices among them, of a cdk.json. Raises UsageProblem."""
    path = cdk_json or CDK_JSON
    try:
        return default_settings(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageProblem(f"{path} cannot be used: {error}") from None


def for_films(chosen: StackSettings, expected: Expected, *, shape: Shape = Shape.TABLE) -> int:
    """Show what so many films would cost a month; answers the exit code."""
    rates, expected_use = Rates.of(chosen), expected_usage(chosen, expected)
    title = f"{expected.films} films of {expected.megabytes:g} MB a month, {expected.milliseconds:g} ms each, in USD"
    left = sum(rates.costs(beyond(FREE, expected_use)).values())
    return _show(title, rates.costs(expected_use), left, shape=shape)


def of_month(aws: Aws, stack: str, chosen: StackSettings, when: datetime | None, *, shape: Shape = Shape.TABLE) -> int:
    """Show what a stack cost in a month; answers the exit code. Raises UsageProblem, ServiceError."""
    start, end = month(when, datetime.now(UTC))
    if end == start:
        raise UsageProblem("That month has not begun, or has not had a whole hour yet.")
    with errors_in_words("The usage"):
        parts = find_parts(aws, stack)
        used = usage(aws.client("cloudwatch"), parts, start, end)
    rates = Rates.of(dataclasses.replace(chosen, memory_mb=parts.memory_mb))
    title = f"{stack} from {start:%Y-%m-%d} to {end:%Y-%m-%d %H:%M} UTC, in USD"
    return _show(title, rates.costs(used), sum(rates.costs(beyond(FREE, used)).values()), shape=shape)


def expected_usage(chosen: StackSettings, expected: Expected) -> Usage:
    """What so many films use in a month of a stack that has run for so long that as much expires as comes.

    No film of them is one of a backfill.

    Films come one by one: each is a batch of its own, and no two in one hour while there are hours left. Both are the
    dearest way.
    """
    films = expected.films
    kept = _months(chosen.upload_expiry_days) * expected.megabytes * 1e6
    kept += _months(chosen.result_expiry_days) * _RESULT_BYTES
    return Usage(
        invocations=films,
        milliseconds=films * expected.milliseconds,
        provisioned_hours=HOURS_A_MONTH * (chosen.api_provisioned_concurrency or 0),
        queue_messages=films * _MESSAGES_A_FILM + _EMPTY_RECEIVES_A_MONTH,
        uploads=films,
        byte_hours=films * kept * HOURS_A_MONTH,
        log_bytes=films * _LOG_BYTES,
        metric_hours=min(films, HOURS_A_MONTH) * METRICS_A_FUNCTION * writes_metrics(chosen),
        alarm_hours=(_WATCHED[writes_metrics(chosen)] + _WATCHED_BACKFILL * chosen.backfill) * HOURS_A_MONTH,
        dashboard_hours=HOURS_A_MONTH * has_dashboard(chosen),
    )


def _months(days: int | None) -> float:
    """How many months of arrivals are stored; what never expires is reckoned as of one year."""
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
    output.stdout.print(_NOT_IN_IT)
    return EXIT_OK
