"""The alarms and their topic."""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.custom_metrics import FUNCTIONS, CustomMetrics, Function
from infra.encryption import Encryption
from infra.inference import Inference
from infra.uploads import Uploads
from pneumonia_cli.stack.observability import writes_metrics
from pneumonia_cli.stack.settings import MAX_RECEIVES, StackSettings

_PERIOD: Final = Duration.minutes(5)

# Statistics need enough images, so their periods are one hour or three hours.
_HOUR: Final = Duration.hours(1)
_DRIFT_HOURS: Final = 3

# AWS bills an alarm on a band as three metrics: the metric and both edges of the band.
_BAND_METRICS: Final = 3


class Monitoring(Construct):
    """One alarm for each failure that would otherwise go unnoticed, all sent to one topic.

    The alarms watch the alias of each function, which gets the users' traffic. Other calls of a version, such as the
    check of a release, set off no alarm.

    Attributes:
        topic: the topic of all alarms; subscribe people or systems to it.
        alarms: all alarms, in the order of display.
        watched_metrics: the number of metrics that the alarms watch, which AWS bills.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StackSettings,
        inference: Inference,
        uploads: Uploads,
        encryption: Encryption,
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = self._topic(settings, encryption)
        self.alarms: list[cloudwatch.AlarmBase] = []
        self.watched_metrics = 0
        self._settings = settings
        self._metrics = CustomMetrics(settings.stack_name)
        self._function_alarms("Api", inference.live_api)
        self._function_alarms("Worker", inference.live_worker)
        self._alarm(
            "ApiSlow",
            inference.live_api.metric_duration(period=_PERIOD, statistic="p99"),
            threshold=settings.alarm_api_p99_ms,
            # Three periods: one cold start in a quiet hour must not set off the alarm.
            evaluation_periods=3,
            description=(
                f"For 15 minutes, 1% of the API calls took {settings.alarm_api_p99_ms} ms or more. "
                "First check timing_ms in the API's log entries 'predicted'."
            ),
        )
        # This metric counts the whole function, whose only URL belongs to the alias.
        self._alarm(
            "ApiHttp5xx",
            inference.api.metric("Url5xxCount", period=_PERIOD, statistic="Sum"),
            threshold=settings.alarm_http_5xx,
            description=(
                "The Function URL returned HTTP 5xx. First read error_code in the API's log entries 'failed'."
            ),
        )
        self._alarm(
            "QueueOld",
            uploads.queue.metric_approximate_age_of_oldest_message(period=_PERIOD, statistic="Maximum"),
            threshold=settings.alarm_queue_age_seconds,
            description=(
                f"An upload has waited for {settings.alarm_queue_age_seconds} seconds or more. "
                "First run 'pneumonia status'."
            ),
        )
        self._alarm(
            "DeadLetters",
            uploads.dead_letter_queue.metric_approximate_number_of_messages_visible(
                period=_PERIOD, statistic="Maximum"
            ),
            threshold=settings.alarm_dead_letters,
            description=(
                f"Uploads failed {MAX_RECEIVES} times and are in the dead-letter queue. They have no result. First "
                "read the worker's log entries 'record failed', and fix the cause before you run 'pneumonia redrive'."
            ),
        )
        self._concurrency_alarm(inference)
        if writes_metrics(settings):
            self._image_alarms()

    def watch_backfill(self, state_machine: sfn.StateMachine) -> None:
        """Add the alarm on failed backfills. Its function needs no alarm: errors are retried or fail the execution."""
        self._alarm(
            "BackfillFailed",
            state_machine.metric_failed(period=_PERIOD, statistic="Sum"),
            threshold=1,
            description=(
                "A backfill failed: too many of its images have no prediction. First read summary.json of the run in "
                "the results bucket."
            ),
        )

    def _topic(self, settings: StackSettings, encryption: Encryption) -> sns.Topic:
        # The topic has a customer-managed key or none. CloudWatch cannot publish to a topic under the AWS managed key
        # (alias/aws/sns), whose policy cannot be changed. Alarms would be lost silently. A message contains the name
        # of an alarm and a metric, but no patient data. TLS is enforced.
        topic = sns.Topic(
            self,
            "Topic",
            display_name="Pneumonia inference alarms",
            enforce_ssl=True,
            master_key=encryption.operations,
        )
        # A custom policy replaces the default one, so it must repeat the permission of alarms to publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        if settings.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))
        return topic

    def _function_alarms(self, name: str, function: lambda_.Alias) -> None:
        self._alarm(
            f"{name}Errors",
            function.metric_errors(period=_PERIOD, statistic="Sum"),
            threshold=self._settings.alarm_errors,
            description=(
                f"Invocations of the {name.lower()} function failed or timed out. First read the errors in the log of "
                f"the {name.lower()} function."
            ),
        )
        self._alarm(
            f"{name}Throttles",
            function.metric_throttles(period=_PERIOD, statistic="Sum"),
            threshold=self._settings.alarm_throttles,
            description=(
                f"Invocations of the {name.lower()} function were throttled at the concurrency limit. First compare "
                "the concurrency in use with the account's quota."
            ),
        )

    def _concurrency_alarm(self, inference: Inference) -> None:
        """Add the alarm that warns before requests are refused. ApiThrottles reports refused requests."""
        settings = self._settings
        limit = settings.api_concurrency
        self._alarm(
            "ConcurrencyHigh",
            (
                inference.api.metric("ConcurrentExecutions", period=_PERIOD, statistic="Maximum")
                if settings.api_reserved_concurrency
                # Concurrency in use or reserved by all functions of the account. The API can get only the rest.
                else cloudwatch.Metric(
                    namespace="AWS/Lambda",
                    metric_name="ClaimedAccountConcurrency",
                    period=_PERIOD,
                    statistic="Maximum",
                )
            ),
            threshold=max(1, settings.alarm_concurrency_percent * limit // 100),
            description=(
                f"{settings.alarm_concurrency_percent}% or more of the concurrency available to the API ({limit}) is "
                "in use. Above the limit, requests are refused with HTTP 429. First find the function that uses it."
            ),
        )

    def _image_alarms(self) -> None:
        """Add the alarms on the functions' own metrics."""
        percent = self._settings.alarm_rejected_percent
        self._alarm(
            "RejectedImages",
            self._metrics.rejected_percent(_HOUR, min_images=self._settings.alarm_rejected_min_images),
            threshold=percent,
            watched_metrics=2 * len(FUNCTIONS),
            description=(
                f"In one hour, {percent}% or more of the images were refused. First read the codes of the refusals on "
                "the dashboard."
            ),
        )
        for function in FUNCTIONS:
            self._drift_alarm(function)

    def _drift_alarm(self, function: Function) -> None:
        # One alarm for each function: a mean over both would move when their share of the traffic changes.
        # The alarm watches only the deployed model: another model has other scores, and needs its own band.
        alarm = cloudwatch.AnomalyDetectionAlarm(
            self,
            f"{function.capitalize()}ScoreDrift",
            metric=self._metrics.score(function, "Average", _HOUR),
            std_devs=self._settings.alarm_score_band,
            evaluation_periods=_DRIFT_HOURS,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_LOWER_OR_GREATER_THAN_UPPER_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=(
                f"For {_DRIFT_HOURS} hours the mean score of the {function} function was outside the band that "
                "CloudWatch expects. Do not rely on the triage until the cause is known. First check which images "
                f"were sent. {_section(f'{function.capitalize()}ScoreDrift')}"
            ),
        )
        self._send(alarm, watched_metrics=_BAND_METRICS)

    def _alarm(
        self,
        construct_id: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: int,
        description: str,
        evaluation_periods: int = 1,
        watched_metrics: int = 1,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=evaluation_periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # Without traffic these metrics have no data, which is not a failure.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{description} {_section(construct_id)}",
        )
        self._send(alarm, watched_metrics=watched_metrics)

    def _send(self, alarm: cloudwatch.AlarmBase, *, watched_metrics: int) -> None:
        alarm.add_alarm_action(cloudwatch_actions.SnsAction(self.topic))
        self.alarms.append(alarm)
        self.watched_metrics += watched_metrics


def _section(alarm: str) -> str:
    """Return the pointer to the section of the runbook about an alarm."""
    return f"See docs/operations.md#{alarm.lower()}"
