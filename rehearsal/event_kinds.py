"""The resource kinds of EventBridge: a rule, an API destination, and its connection."""

import json
import re
from typing import Any, Final

from rehearsal.api import call
from rehearsal.event_bridge import EventBridge
from rehearsal.event_patterns import check
from rehearsal.models import Kind, Refused, Resource

_SECRET: Final = re.compile(r"\{\{resolve:secretsmanager:(?P<id>[^:}]+):SecretString:(?P<member>[^:}]+)\}\}")
_TARGET: Final = frozenset({"Id", "Arn", "RoleArn", "DeadLetterConfig", "RetryPolicy"})
_MAX_ATTEMPTS: Final = 185
_EVENT_AGE_SECONDS: Final = range(60, 86_401)


class Rule(Kind):
    """AWS::Events::Rule. Its pattern and targets are checked as in EventBridge."""

    type = "AWS::Events::Rule"
    name_property = "Name"

    def create(self, resource: Resource) -> None:
        properties = resource.properties
        check(properties["EventPattern"])
        for target in properties.get("Targets", []):
            _check_target(target)
        resource.physical_id = resource.physical_id or resource.name
        bus = properties.get("EventBusName", "default")
        made = call(
            "events", "put_rule", Name=resource.physical_id, EventBusName=bus,
            EventPattern=json.dumps(properties["EventPattern"]), State=properties.get("State", "ENABLED"),
        )  # fmt: skip
        call("events", "put_targets", Rule=resource.physical_id, EventBusName=bus, Targets=properties["Targets"])
        resource.attributes["Arn"] = made["RuleArn"]

    def delete(self, resource: Resource) -> None:
        bus = resource.properties.get("EventBusName", "default")
        ids = [target["Id"] for target in resource.properties["Targets"]]
        call("events", "remove_targets", Rule=resource.physical_id, EventBusName=bus, Ids=ids)
        call("events", "delete_rule", Name=resource.physical_id, EventBusName=bus)


class Connection(Kind):
    """AWS::Events::Connection with the key of an API, which may come from Secrets Manager."""

    type = "AWS::Events::Connection"
    name_property = "Name"

    def __init__(self, bridge: EventBridge) -> None:
        self._bridge = bridge

    def create(self, resource: Resource) -> None:
        parameters = json.loads(_resolved(json.dumps(resource.properties["AuthParameters"])))
        resource.physical_id = resource.physical_id or resource.name
        made = call(
            "events", "create_connection", Name=resource.physical_id,
            AuthorizationType=resource.properties["AuthorizationType"], AuthParameters=parameters,
        )  # fmt: skip
        key = parameters["ApiKeyAuthParameters"]
        self._bridge.connections[made["ConnectionArn"]] = (key["ApiKeyName"], key["ApiKeyValue"])
        resource.attributes["Arn"] = made["ConnectionArn"]

    def delete(self, resource: Resource) -> None:
        del self._bridge.connections[resource.attributes["Arn"]]
        call("events", "delete_connection", Name=resource.physical_id)


class ApiDestination(Kind):
    """AWS::Events::ApiDestination."""

    type = "AWS::Events::ApiDestination"
    name_property = "Name"

    def create(self, resource: Resource) -> None:
        if not resource.properties["InvocationEndpoint"].startswith("https://"):
            raise Refused("ValidationException: the InvocationEndpoint of an API destination begins with https://")
        resource.physical_id = resource.physical_id or resource.name
        made = call("events", "create_api_destination", **{**resource.properties, "Name": resource.physical_id})
        resource.attributes["Arn"] = made["ApiDestinationArn"]

    def delete(self, resource: Resource) -> None:
        call("events", "delete_api_destination", Name=resource.physical_id)


def _check_target(target: dict[str, Any]) -> None:
    if unknown := set(target) - _TARGET:
        raise Refused(f"These properties of a target are not rehearsed: {', '.join(sorted(unknown))}")
    if ":api-destination/" in target["Arn"] and "RoleArn" not in target:
        raise Refused(f"RoleArn is required for target {target['Arn']}.")
    retry = target.get("RetryPolicy", {})
    if retry.get("MaximumRetryAttempts", 0) > _MAX_ATTEMPTS:
        raise Refused(f"MaximumRetryAttempts is more than {_MAX_ATTEMPTS}.")
    if retry.get("MaximumEventAgeInSeconds", 60) not in _EVENT_AGE_SECONDS:
        raise Refused("MaximumEventAgeInSeconds is not from 60 to 86400.")


def _resolved(text: str) -> str:
    """Return the text with the values of its dynamic references."""

    def value(found: re.Match[str]) -> str:
        secret = call("secretsmanager", "get_secret_value", SecretId=found["id"])["SecretString"]
        return str(json.loads(secret)[found["member"]])

    return _SECRET.sub(value, text)
