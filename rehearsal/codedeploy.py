"""Shift an alias to a new version, as CodeDeploy does for the update policy of the alias.

moto can create applications and deployment groups, but cannot change or remove them, and its deployments do nothing.
This module implements the deployments of Lambda: run the hook, shift a share of the traffic, check the alarms, and
shift the rest. It skips the waiting time before the rest is shifted.
"""

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.codedeploy.models import codedeploy_backends
from moto.codedeploy.responses import CodeDeployResponse
from moto.core.responses import EmptyResult

from pneumonia_cli.local.names import ACCOUNT, REGION
from rehearsal.api import call
from rehearsal.models import Kind, Refused, Resource

_FIRST_SHARE = 0.1


class DeploymentFailed(Refused):
    """The alias was not moved. The message says why."""


@dataclass
class Deployments:
    """Deployments so far.

    Attributes:
        reports: the status that each hook reported, by the execution id of the hook.
        ended: how each deployment ended.
        refused: versions (function, version) that were refused before anything moved.
    """

    reports: dict[str, str] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    refused: set[tuple[str, str]] = field(default_factory=set)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Make moto's CodeDeploy accept the reports of hooks during a `with` block."""

        def report(response: CodeDeployResponse) -> EmptyResult:
            told = json.loads(response.body)
            self.reports[told["lifecycleEventHookExecutionId"]] = told["status"]
            return EmptyResult()

        CodeDeployResponse.put_lifecycle_event_hook_execution_status = report  # type: ignore[attr-defined]
        try:
            yield
        finally:
            del CodeDeployResponse.put_lifecycle_event_hook_execution_status  # type: ignore[attr-defined]

    def shift(self, policy: Mapping[str, Any], function: str, alias: str, version: str, *, recorded: str) -> None:
        """Move an alias to a version by the update policy of the alias. Raises DeploymentFailed.

        `recorded` is the version that CloudFormation has recorded for the alias. CloudFormation passes it to CodeDeploy
        as the current version.
        """
        if (function, recorded) in self.refused:
            return  # CloudFormation rolls back a deployment that never moved the alias
        try:
            _compare(function, alias, recorded)
        except DeploymentFailed:
            self.refused.add((function, version))
            self.ended.append("Failed")
            raise
        # Unlike Lambda, moto reuses the number of a deleted version for the next one.
        self.refused.discard((function, version))
        try:
            self._before(policy.get("BeforeAllowTrafficHook"))
            share = {"AdditionalVersionWeights": {version: _FIRST_SHARE}}
            call("lambda", "update_alias", FunctionName=function, Name=alias, RoutingConfig=share)
            try:
                _look_at_alarms(policy["ApplicationName"], policy["DeploymentGroupName"])
            except DeploymentFailed:
                call("lambda", "update_alias", FunctionName=function, Name=alias, RoutingConfig={})
                raise
            call(
                "lambda", "update_alias", FunctionName=function, Name=alias, FunctionVersion=version, RoutingConfig={}
            )  # fmt: skip
        except DeploymentFailed:
            self.ended.append("Failed")
            raise
        self.ended.append("Succeeded")

    def _before(self, hook: str | None) -> None:
        if hook is None:
            return
        execution = str(uuid.uuid4())
        event = {"DeploymentId": f"d-{uuid.uuid4().hex[:9].upper()}", "LifecycleEventHookExecutionId": execution}
        call("lambda", "invoke", FunctionName=hook, Payload=json.dumps(event).encode())
        if (status := self.reports.pop(execution, "nothing")) != "Succeeded":
            raise DeploymentFailed(f"The hook BeforeAllowTraffic reported {status}.")


def _compare(function: str, alias: str, recorded: str) -> None:
    current = call("lambda", "get_alias", FunctionName=function, Name=alias)["FunctionVersion"]
    if current != recorded:
        raise DeploymentFailed(
            f"INVALID_LAMBDA_CONFIGURATION: the alias {alias} of {function} is at version {current}, not at version "
            f"{recorded}, which the deployment names as the current one."
        )


def _look_at_alarms(application: str, group: str) -> None:
    # moto stores the alarms, but its API does not return them.
    found: Any = codedeploy_backends[ACCOUNT][REGION].get_deployment_group(application, group)
    configuration = found.alarm_configuration or {}
    names = [alarm["name"] for alarm in configuration.get("alarms", [])]
    if not names:
        return
    alarms = call("cloudwatch", "describe_alarms", AlarmNames=names)["MetricAlarms"]
    if missing := set(names) - {alarm["AlarmName"] for alarm in alarms}:
        raise DeploymentFailed(f"The alarms {missing} do not exist.")
    if ringing := [alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"]:
        raise DeploymentFailed(f"The alarms {ringing} are active.")


class Application(Kind):
    """AWS::CodeDeploy::Application."""

    type = "AWS::CodeDeploy::Application"
    name_property = "ApplicationName"

    def create(self, resource: Resource) -> None:
        resource.physical_id = resource.name
        platform = resource.properties["ComputePlatform"]
        call("codedeploy", "create_application", applicationName=resource.name, computePlatform=platform)

    def delete(self, resource: Resource) -> None:
        del codedeploy_backends[ACCOUNT][REGION].applications[resource.physical_id]


class DeploymentGroup(Kind):
    """AWS::CodeDeploy::DeploymentGroup."""

    type = "AWS::CodeDeploy::DeploymentGroup"
    name_property = "DeploymentGroupName"

    def create(self, resource: Resource) -> None:
        resource.physical_id = resource.physical_id or resource.name
        properties = {**resource.properties, "DeploymentGroupName": resource.physical_id}
        call("codedeploy", "create_deployment_group", **_in_camel_case(properties))

    def update(self, resource: Resource, old: dict[str, Any]) -> None:
        self._remove(resource.physical_id, old)
        self.create(resource)

    def delete(self, resource: Resource) -> None:
        self._remove(resource.physical_id, resource.properties)

    def _remove(self, name: str, properties: Mapping[str, Any]) -> None:
        del codedeploy_backends[ACCOUNT][REGION].deployment_groups[properties["ApplicationName"]][name]


def _in_camel_case(value: Any) -> Any:
    """Return template properties with the names of CodeDeploy's API, which start with a lower-case letter."""
    if isinstance(value, Mapping):
        return {name[0].lower() + name[1:]: _in_camel_case(part) for name, part in value.items()}
    return [_in_camel_case(part) for part in value] if isinstance(value, list) else value
