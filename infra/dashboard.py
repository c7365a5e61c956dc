"""The CloudWatch dashboard: traffic, failures, times, queue, images, scores, cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.cost_widgets import cost_widgets
from infra.custom_metrics import Function
from infra.graph import THIRD, graph
from infra.image_widgets import ImageWidgets
from infra.inference import Inference
from infra.monitoring import Monitoring
from infra.uploads import Uploads
from pneumonia_cli.stack.observability import writes_metrics
from pneumonia_cli.stack.settings import StackSettings

_PERIOD: Final = Duration.minutes(5)

# The median and the slowest requests.
_PERCENTILES: Final = ("p50", "p99")


def dashboard_name(settings: StackSettings) -> str:
    """Return a name from stack and region. It must be unique in the account across regions, or the deployment fails."""
    return f"{settings.stack_name}-{Aws.REGION}"


class Dashboard(Construct):
    """The dashboard, named by :func:`dashboard_name`.

    Attributes:
        dashboard: the CloudWatch dashboard.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StackSettings,
        inference: Inference,
        uploads: Uploads,
        monitoring: Monitoring,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._functions: dict[Function, lambda_.Function] = {"api": inference.api, "worker": inference.worker}
        self._uploads = uploads
        # The graphs about images need the functions' own metrics.
        self._images = ImageWidgets(settings) if writes_metrics(settings) else None
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=dashboard_name(settings),
            default_interval=Duration.days(1),
            # Each graph keeps its period: hourly sums stay hourly, regardless of the time range.
            period_override=cloudwatch.PeriodOverride.INHERIT,
            widgets=[
                [self._about(), self._alarms(monitoring.alarms)],
                [self._traffic(), self._failures(), self._concurrency()],
                [self._api_latency(), self._worker_latency(), *([self._images.stages()] if self._images else ())],
                [self._queue(), self._age(), *([self._images.cold_starts()] if self._images else ())],
                *(self._images.rows() if self._images else ()),
                cost_widgets(
                    settings,
                    functions=self._functions | ({"backfill": inference.backfill} if inference.backfill else {}),
                    uploads=uploads,
                    watched_metrics=monitoring.watched_metrics,
                ),
            ],
        )

    def _about(self) -> cloudwatch.TextWidget:
        return cloudwatch.TextWidget(
            markdown=(
                f"# {self._settings.stack_name}\n"
                "Pneumonia triage of chest X-rays. **Research use only, never a diagnosis.** The rows show traffic "
                "and errors, latency, the queue, images, and cost. `docs/operations.md` explains what to do about "
                "each alarm."
            ),
            width=THIRD,
            height=4,
        )

    def _alarms(self, alarms: Sequence[cloudwatch.AlarmBase]) -> cloudwatch.AlarmStatusWidget:
        return cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=2 * THIRD, height=4)

    def _traffic(self) -> cloudwatch.GraphWidget:
        api, worker = self._functions["api"], self._functions["worker"]
        return graph(
            "Traffic",
            [
                api.metric("UrlRequestCount", statistic="Sum", period=_PERIOD, label="HTTP requests"),
                *(self._images.predictions() if self._images else ()),
                worker.metric_invocations(period=_PERIOD, statistic="Sum", label="worker batches"),
            ],
        )

    def _failures(self) -> cloudwatch.GraphWidget:
        api = self._functions["api"]
        lines = [
            api.metric("Url5xxCount", statistic="Sum", period=_PERIOD, label="HTTP 5xx", color=cloudwatch.Color.RED),
            api.metric("Url4xxCount", statistic="Sum", period=_PERIOD, label="HTTP 4xx"),
        ]
        for name, function in self._functions.items():
            lines.append(function.metric_errors(period=_PERIOD, statistic="Sum", label=f"{name} errors"))
            lines.append(function.metric_throttles(period=_PERIOD, statistic="Sum", label=f"{name} throttles"))
        return graph("Errors", lines)

    def _concurrency(self) -> cloudwatch.GraphWidget:
        lines = [
            function.metric("ConcurrentExecutions", statistic="Maximum", period=_PERIOD, label=name)
            for name, function in self._functions.items()
        ]
        account = cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name="ClaimedAccountConcurrency",
            statistic="Maximum",
            period=_PERIOD,
            label="whole account",
        )
        return graph("Concurrency", [*lines, account], limit=("limit", self._settings.api_concurrency))

    def _api_latency(self) -> cloudwatch.GraphWidget:
        api = self._functions["api"]
        return graph(
            # The limit is in the title, because a line far above the curves would flatten them.
            f"API, ms a request (ApiSlow at p99 ≥ {self._settings.alarm_api_p99_ms})",
            [
                *(
                    api.metric_duration(period=_PERIOD, statistic=statistic, label=f"function {statistic}")
                    for statistic in _PERCENTILES
                ),
                *(
                    api.metric(
                        "UrlRequestLatency", period=_PERIOD, statistic=statistic, label=f"Function URL {statistic}"
                    )
                    for statistic in _PERCENTILES
                ),
            ],
        )

    def _worker_latency(self) -> cloudwatch.GraphWidget:
        worker = self._functions["worker"]
        return graph(
            f"Worker, ms a batch of up to {self._settings.batch_size}",
            [
                worker.metric_duration(period=_PERIOD, statistic=statistic, label=statistic)
                for statistic in _PERCENTILES
            ],
        )

    def _queue(self) -> cloudwatch.GraphWidget:
        queue, dead = self._uploads.queue, self._uploads.dead_letter_queue
        return graph(
            "Queue",
            [
                queue.metric_approximate_number_of_messages_visible(
                    period=_PERIOD, statistic="Maximum", label="waiting"
                ),
                queue.metric_approximate_number_of_messages_not_visible(
                    period=_PERIOD, statistic="Maximum", label="in progress"
                ),
                dead.metric_approximate_number_of_messages_visible(
                    period=_PERIOD, statistic="Maximum", label="dead letters", color=cloudwatch.Color.RED
                ),
            ],
        )

    def _age(self) -> cloudwatch.GraphWidget:
        return graph(
            f"Age of the oldest waiting upload, s (QueueOld at ≥ {self._settings.alarm_queue_age_seconds})",
            [
                self._uploads.queue.metric_approximate_age_of_oldest_message(
                    period=_PERIOD, statistic="Maximum", label="age"
                )
            ],
        )
