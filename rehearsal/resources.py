"""Resource types that moto's CloudFormation lacks or does not implement closely enough, each as a small class.

For each new type that a stack uses, add a class here and to `kinds`. The class needs a call that creates the resource
and a call that removes it.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.api import call
from rehearsal.codedeploy import Application, DeploymentGroup, Deployments
from rehearsal.doors import Doors
from rehearsal.event_bridge import EventBridge
from rehearsal.event_kinds import ApiDestination, Connection, Rule
from rehearsal.function_kinds import Alias, Function, Version
from rehearsal.functions import Functions
from rehearsal.models import CUSTOM, Kind, Refused, Resource


class Alarm(Kind):
    """AWS::CloudWatch::Alarm."""

    type = "AWS::CloudWatch::Alarm"
    name_property = "AlarmName"

    def create(self, resource: Resource) -> None:
        resource.physical_id = resource.physical_id or resource.name
        call("cloudwatch", "put_metric_alarm", **{**resource.properties, "AlarmName": resource.physical_id})
        described = call("cloudwatch", "describe_alarms", AlarmNames=[resource.physical_id])
        resource.attributes["Arn"] = described["MetricAlarms"][0]["AlarmArn"]

    def delete(self, resource: Resource) -> None:
        call("cloudwatch", "delete_alarms", AlarmNames=[resource.physical_id])


class Dashboard(Kind):
    """AWS::CloudWatch::Dashboard. A name in use is refused; moto would overwrite the dashboard of another stack."""

    type = "AWS::CloudWatch::Dashboard"
    name_property = "DashboardName"

    def create(self, resource: Resource) -> None:
        name = resource.properties.get("DashboardName", resource.name)
        if name in {entry["DashboardName"] for entry in call("cloudwatch", "list_dashboards")["DashboardEntries"]}:
            raise Refused(f"{name} already exists")
        resource.physical_id = name
        self.update(resource, {})

    def update(self, resource: Resource, old: dict[str, Any]) -> None:
        body = resource.properties["DashboardBody"]
        call("cloudwatch", "put_dashboard", DashboardName=resource.physical_id, DashboardBody=body)

    def delete(self, resource: Resource) -> None:
        call("cloudwatch", "delete_dashboards", DashboardNames=[resource.physical_id])


class QueuePolicy(Kind):
    """AWS::SQS::QueuePolicy."""

    type = "AWS::SQS::QueuePolicy"

    def create(self, resource: Resource) -> None:
        resource.physical_id = resource.name
        policy = json.dumps(resource.properties["PolicyDocument"])
        for url in resource.properties["Queues"]:
            call("sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": policy})


class TopicPolicy(Kind):
    """AWS::SNS::TopicPolicy."""

    type = "AWS::SNS::TopicPolicy"

    def create(self, resource: Resource) -> None:
        resource.physical_id = resource.name
        policy = json.dumps(resource.properties["PolicyDocument"])
        for arn in resource.properties["Topics"]:
            call("sns", "set_topic_attributes", TopicArn=arn, AttributeName="Policy", AttributeValue=policy)


class BucketPolicy(Kind):
    """AWS::S3::BucketPolicy, without the statements that have a condition.

    moto enforces the policy but ignores conditions, so "deny all without TLS" would deny everything.
    """

    type = "AWS::S3::BucketPolicy"

    def create(self, resource: Resource) -> None:
        resource.physical_id = resource.properties["Bucket"]
        policy = resource.properties["PolicyDocument"]
        statements = [statement for statement in policy["Statement"] if "Condition" not in statement]
        if statements:
            document = json.dumps({**policy, "Statement": statements})
            call("s3", "put_bucket_policy", Bucket=resource.physical_id, Policy=document)
        else:
            self.delete(resource)

    def delete(self, resource: Resource) -> None:
        call("s3", "delete_bucket_policy", Bucket=resource.physical_id)


class Secret(Kind):
    """AWS::SecretsManager::Secret with a generated value."""

    type = "AWS::SecretsManager::Secret"
    name_property = "Name"

    def create(self, resource: Resource) -> None:
        generate = resource.properties["GenerateSecretString"]
        made = call(
            "secretsmanager",
            "get_random_password",
            PasswordLength=generate["PasswordLength"],
            ExcludePunctuation=generate["ExcludePunctuation"],
        )
        value = {**json.loads(generate["SecretStringTemplate"]), generate["GenerateStringKey"]: made["RandomPassword"]}
        secret = call("secretsmanager", "create_secret", Name=resource.name, SecretString=json.dumps(value))
        resource.physical_id = resource.attributes["Id"] = secret["ARN"]

    def update(self, resource: Resource, old: dict[str, Any]) -> None:
        """Do nothing: the generated value does not change."""

    def delete(self, resource: Resource) -> None:
        call("secretsmanager", "delete_secret", SecretId=resource.physical_id, ForceDeleteWithoutRecovery=True)


class EventSourceMapping(Kind):
    """AWS::Lambda::EventSourceMapping of a queue, with the rehearsal's poller, since moto's own poller always fails."""

    type = "AWS::Lambda::EventSourceMapping"

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def create(self, resource: Resource) -> None:
        properties = resource.properties
        resource.physical_id = self._doors.poll(
            properties["EventSourceArn"], properties["FunctionName"], properties["BatchSize"]
        )

    def update(self, resource: Resource, old: dict[str, Any]) -> None:
        self.delete(resource)
        self.create(resource)

    def delete(self, resource: Resource) -> None:
        self._doors.close(resource.physical_id)


class FunctionUrl(Kind):
    """AWS::Lambda::Url: a server on this machine, which checks signatures if the stack requires them."""

    type = "AWS::Lambda::Url"

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def create(self, resource: Resource) -> None:
        function = resource.properties["TargetFunctionArn"]
        if qualifier := resource.properties.get("Qualifier"):
            function = f"{function}:{qualifier}"
        resource.physical_id = resource.attributes["FunctionArn"] = function
        if open_already := resource.attributes.get("FunctionUrl"):
            self._doors.lead(open_already.rstrip("/"), function, resource.properties["AuthType"])
        else:
            resource.attributes["FunctionUrl"] = self._doors.open(function, resource.properties["AuthType"]) + "/"

    def delete(self, resource: Resource) -> None:
        self._doors.close(resource.attributes["FunctionUrl"].rstrip("/"))


class CustomResource(Kind):
    """Custom::*. The handler from the template is invoked as CloudFormation would invoke it."""

    type = CUSTOM

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def create(self, resource: Resource) -> None:
        self._ask("Create", resource)

    def update(self, resource: Resource, old: dict[str, Any]) -> None:
        self._ask("Update", resource, OldResourceProperties=as_text(old))

    def delete(self, resource: Resource) -> None:
        self._ask("Delete", resource)

    def _ask(self, request_type: str, resource: Resource, **more: Any) -> None:
        request_id = str(uuid.uuid4())
        event = {
            "RequestType": request_type,
            "ServiceToken": resource.properties["ServiceToken"],
            "ResponseURL": self._doors.response_url(request_id),
            "StackId": resource.stack_id,
            "RequestId": request_id,
            "LogicalResourceId": resource.logical_id,
            "ResourceType": resource.type,
            "ResourceProperties": as_text(resource.properties),
            **({"PhysicalResourceId": resource.physical_id} if resource.physical_id else {}),
            **more,
        }
        done = call("lambda", "invoke", FunctionName=event["ServiceToken"], Payload=json.dumps(event).encode())
        response = self._doors.response(request_id)
        if response is None:
            raise RuntimeError(f"The handler of {resource.logical_id} did not respond: {done['Payload'].read()!r}")
        if response["Status"] != "SUCCESS":
            raise Refused(f"The handler of {resource.logical_id} failed: {response.get('Reason')}")
        resource.physical_id = response["PhysicalResourceId"]
        resource.attributes = response.get("Data") or {}


def as_text(value: Any) -> Any:
    """Return properties as CloudFormation passes them to a custom resource: numbers and booleans as text."""
    if isinstance(value, Mapping):
        return {name: as_text(part) for name, part in value.items()}
    if isinstance(value, list):
        return [as_text(part) for part in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def kinds(doors: Doors, functions: Functions, deployments: Deployments, bridge: EventBridge) -> list[Kind]:
    """Return all kinds of resources of this project."""
    plain: list[Callable[[], Kind]] = [Alarm, Dashboard, QueuePolicy, TopicPolicy, BucketPolicy, Secret, Version]
    plain += [Application, DeploymentGroup, Rule, ApiDestination]
    served: list[Callable[[Doors], Kind]] = [EventSourceMapping, FunctionUrl, CustomResource]
    return [
        *(kind() for kind in plain),
        *(kind(doors) for kind in served),
        Function(functions),
        Alias(deployments),
        Connection(bridge),
    ]
