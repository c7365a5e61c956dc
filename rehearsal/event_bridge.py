"""EventBridge behind `put_events`: rules and their targets, with the permissions that AWS requires.

moto alone is not enough. It treats unknown filters as a match and does not check the policy of a queue. It also sends
an API destination neither the event nor the header of the connection.
"""

import contextlib
import fnmatch
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from moto.events.models import Rule as MotoRule
from moto.events.models import events_backends
from moto.iam.models import iam_backends

from pneumonia_cli.local.names import ACCOUNT, REGION
from rehearsal.api import call
from rehearsal.event_patterns import matches
from rehearsal.models import Refused

SERVICE: Final = "events.amazonaws.com"
_ENVELOPE: Final = ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
_TIMEOUT_SECONDS: Final = 5  # EventBridge's limit for an API destination


@dataclass
class EventBridge:
    """Delivers events to targets.

    Attributes:
        hosts: local addresses that replace hosts of the internet, as host -> http://address.
        undelivered: the reasons why targets did not get an event. EventBridge would try again, and then put the event
            into the dead-letter queue of the target.
        connections: name and value of the header that each connection adds, by the ARN of the connection.
    """

    hosts: dict[str, str] = field(default_factory=dict)
    undelivered: list[str] = field(default_factory=list)
    connections: dict[str, tuple[str, str]] = field(default_factory=dict)

    @contextlib.contextmanager
    def installed(self) -> Iterator["EventBridge"]:
        """Make moto's rules deliver through this object during a `with` block."""
        original = MotoRule.send_to_targets

        def send(rule: MotoRule, original_event: Any, transform_input: bool = True) -> None:
            self.deliver(rule, original_event)

        MotoRule.send_to_targets = send  # type: ignore[assignment, method-assign]
        try:
            yield self
        finally:
            MotoRule.send_to_targets = original  # type: ignore[method-assign]

    def deliver(self, rule: MotoRule, told: Mapping[str, Any]) -> None:
        """Send an event to the targets of a rule, if the rule is enabled and its pattern matches."""
        event = {name: told[name] for name in _ENVELOPE}
        event["time"] = datetime.fromtimestamp(float(told["time"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if rule.state != "ENABLED" or not matches(rule.event_pattern.get_pattern(), event):
            return
        for target in rule.targets:
            try:
                self._send(rule.arn, target, json.dumps(event))
            except Refused as refused:
                self.undelivered.append(f"{target['Arn']}: {refused}")

    def _send(self, rule_arn: str, target: Mapping[str, Any], body: str) -> None:
        service = target["Arn"].split(":")[2]
        if service == "sqs":
            _to_queue(rule_arn, target["Arn"], body)
        elif ":api-destination/" in target["Arn"]:
            self._to_destination(target, body)
        else:
            raise Refused(f"Targets of {service} are not rehearsed.")

    def _to_destination(self, target: Mapping[str, Any], body: str) -> None:
        if "RoleArn" not in target:
            raise Refused("A target that is an API destination needs a role.")
        _check_role(target["RoleArn"], "events:InvokeApiDestination", target["Arn"])
        name = target["Arn"].partition(":api-destination/")[2].split("/")[0]
        destination = events_backends[ACCOUNT][REGION].destinations[name]
        header, value = self.connections[destination.connection_arn]
        url = urllib.parse.urlsplit(destination.invocation_endpoint)
        if url.hostname not in self.hosts:
            raise Refused(f"No host {url.hostname}.")
        address = self.hosts[url.hostname] + url.path
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Amazon/EventBridge/ApiDestinations",
        }
        request = urllib.request.Request(  # noqa: S310 - to a host that is served here
            address, body.encode(), {**headers, header: value}, method=destination.http_method
        )
        try:
            urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS).close()  # noqa: S310  # nosec B310
        except (OSError, urllib.error.URLError) as error:
            raise Refused(f"{url.hostname} did not accept the event: {error}") from None


def _to_queue(rule_arn: str, queue_arn: str, body: str) -> None:
    name = queue_arn.rpartition(":")[2]
    url = call("sqs", "get_queue_url", QueueName=name)["QueueUrl"]
    found = call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})
    context = {"aws:SourceArn": rule_arn, "aws:SourceAccount": ACCOUNT}
    if not allowed(json.loads(found.get("Policy") or "{}"), "sqs:SendMessage", queue_arn, context):
        raise Refused(f"The policy of the queue does not let {SERVICE} send for {rule_arn}.")
    call("sqs", "send_message", QueueUrl=url, MessageBody=body)


def _check_role(role_arn: str, action: str, resource: str) -> None:
    name = role_arn.rpartition("/")[2]
    role = call("iam", "get_role", RoleName=name)["Role"]
    trust = role["AssumeRolePolicyDocument"]
    if not allowed(trust, "sts:AssumeRole", None, {"aws:SourceAccount": ACCOUNT}):
        raise Refused(f"The role {name} does not trust {SERVICE}.")
    # Read from moto's state, because moto's API returns invalid JSON for a role that CloudFormation created.
    documents: Mapping[str, Any] = iam_backends[ACCOUNT]["aws"].get_role(name).policies
    for document in documents.values():
        if allowed(json.loads(document) if isinstance(document, str) else document, action, resource, {}):
            return
    raise Refused(f"The role {name} does not allow {action} on {resource}.")


def allowed(policy: Mapping[str, Any], action: str, resource: str | None, context: Mapping[str, str]) -> bool:
    """Return whether the policy of a resource or a role allows EventBridge this action.

    Raise Refused for policy elements that the rehearsal does not implement.
    """
    allows = False
    for statement in _each(policy.get("Statement", [])):
        if set(statement) - {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}:
            raise Refused(f"Not rehearsed in a policy: {sorted(statement)}")
        holds = (
            ("Principal" not in statement or _is_for_us(statement["Principal"]))
            and _one_matches(_each(statement["Action"]), action)
            and (resource is None or _one_matches(_each(statement["Resource"]), resource))
            and _conditions_hold(statement.get("Condition", {}), context)
        )
        if holds and statement["Effect"] == "Deny":
            return False
        allows = allows or holds
    return allows


def _is_for_us(principal: Any) -> bool:
    return principal == "*" or SERVICE in _each(principal.get("Service", []))


def _conditions_hold(conditions: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    for kind, wanted in conditions.items():
        if kind not in ("ArnEquals", "ArnLike", "StringEquals"):
            raise Refused(f"The condition {kind} is not rehearsed.")
        for key, values in wanted.items():
            found = context.get(key)
            if found is None or not _one_matches(_each(values), found, exactly=kind == "StringEquals"):
                return False
    return True


def _one_matches(patterns: Iterable[str], found: str, *, exactly: bool = False) -> bool:
    if exactly:
        return found in patterns
    # Brackets have no special meaning in a policy.
    return any(fnmatch.fnmatchcase(found, re.sub(r"\[", "[[]", pattern)) for pattern in patterns)


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
