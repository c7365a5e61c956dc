"""The events of finished predictions: the worker's permission to send them."""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from pneumonia_cli.stack.settings import StackSettings


def allow_events(worker: lambda_.Function, settings: StackSettings) -> None:
    """Let `worker` send events to the bus that the settings name; to none if that is empty."""
    if not settings.event_bus:
        return
    worker.add_to_role_policy(
        iam.PolicyStatement(
            sid="AnnounceResults",
            actions=["events:PutEvents"],
            resources=[
                Stack.of(worker).format_arn(service="events", resource="event-bus", resource_name=settings.event_bus)
            ],
        )
    )
