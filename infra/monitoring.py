"""Alarms, and the topic that they are sent to."""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.inference import Inference
from infra.settings import Settings
from infra.uploads import Uploads

_PERIOD: Final = Duration.minutes(5)


class Monitoring(Construct):
    """One alarm for each thing that goes wrong without anyone noticing, all sent to one topic.

    Functions are watched at their alias: that is the traffic of users. What else may call a version, such as the
    check of a release that is about to be refused, wakes nobody.

    Attributes:
        topic: where the alarms go; subscribe people or systems to it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        inference: Inference,
        uploads: Uploads,
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = self._topic(settings)
        self._function_alarms("Api", inference.live_api)
        self._function_alarms("Worker", inference.live_worker)
        self._alarm(
            "ApiSlow",
            inference.live_api.metric_duration(period=_PERIOD, statistic="p99"),
            threshold=settings.alarm_api_p99_ms,
            # Three periods: one cold start in a quiet hour is no reason to wake anyone.
            evaluation_periods=3,
            description=f"For 15 minutes 1% of API calls took {settings.alarm_api_p99_ms} ms or more.",
        )
        # Counted for the function as a whole, of which there is no other URL than that of the alias.
        self._alarm(
            "ApiHttp5xx",
            inference.api.metric("Url5xxCount", period=_PERIOD, statistic="Sum"),
            threshold=1,
            description="The Function URL answered with HTTP 5xx.",
        )
        self._alarm(
            "QueueOld",
            uploads.queue.metric_approximate_age_of_oldest_message(period=_PERIOD, statistic="Maximum"),
            threshold=settings.alarm_queue_age_seconds,
            description=f"An upload has been waiting for {settings.alarm_queue_age_seconds} seconds or more.",
        )
        self._alarm(
            "DeadLetters",
            uploads.dead_letter_queue.metric_approximate_number_of_messages_visible(
                period=_PERIOD, statistic="Maximum"
            ),
            threshold=1,
            description="Uploads that failed three times are in the dead-letter queue.",
        )

    def _topic(self, settings: Settings) -> sns.Topic:
        # No KMS key: CloudWatch cannot publish to a topic under the AWS managed key (alias/aws/sns), whose
        # policy cannot be changed to let it, so the alarms would be lost in silence. What is sent is an
        # alarm's name and a metric, nothing of a patient; TLS is enforced.
        topic = sns.Topic(self, "Topic", display_name="Pneumonia inference alarms", enforce_ssl=True)
        # Any policy of our own replaces the default one, which is what lets alarms publish otherwise.
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
            threshold=1,
            description=f"Invocations of the {name.lower()} function failed or timed out.",
        )
        self._alarm(
            f"{name}Throttles",
            function.metric_throttles(period=_PERIOD, statistic="Sum"),
            threshold=1,
            description=f"Invocations of the {name.lower()} function were throttled: concurrency is used up.",
        )

    def _alarm(
        self,
        construct_id: str,
        metric: cloudwatch.Metric,
        *,
        threshold: int,
        description: str,
        evaluation_periods: int = 1,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=evaluation_periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # All of these metrics are silent when there is no traffic, and silence is fine.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=description,
        )
        alarm.add_alarm_action(cloudwatch_actions.SnsAction(self.topic))
