"""The events of finished predictions: which bus the worker sends them to, and its permission for that."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from infra.settings import Settings


def announce_results(worker: lambda_.Function, settings: Settings) -> None:
    """Let `worker` send events to the bus that the settings name; to none, and without the permission, if empty."""
    if not settings.event_bus:
        return
    worker.add_environment("EVENT_BUS", settings.event_bus)
    worker.add_to_role_policy(
        iam.PolicyStatement(
            sid="AnnounceResults",
            actions=["events:PutEvents"],
            resources=[
                Stack.of(worker).format_arn(service="events", resource="event-bus", resource_name=settings.event_bus)
            ],
        )
    )
