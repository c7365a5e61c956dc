"""The resource kinds of Lambda: a function, its published versions and its alias."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from moto.awslambda.models import ImageConfig, lambda_backends

from pneumonia_cli.local.names import ACCOUNT, REGION
from rehearsal.api import call
from rehearsal.codedeploy import Deployments
from rehearsal.functions import Functions
from rehearsal.models import Kind, Refused, Resource

UNRESERVED_CONCURRENCY: Final = 10
"""Concurrency quota of a new account. Lambda does not allow any of it to be reserved."""


class Function(Kind):
    """AWS::Lambda::Function, with the quota, container command and architecture, which moto lacks."""

    type = "AWS::Lambda::Function"
    name_property = "FunctionName"

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def create(self, resource: Resource) -> None:
        properties = {**resource.properties, "FunctionName": resource.name, "Code": _code(resource.properties["Code"])}
        _refuse_reservation(properties)
        made = call("lambda", "create_function", **properties)
        resource.physical_id, resource.attributes["Arn"] = resource.name, made["FunctionArn"]

    def update(self, resource: Resource, old: dict[str, Any]) -> None:
        name = resource.physical_id
        _refuse_reservation(resource.properties)
        if resource.properties["Code"] != old["Code"]:
            call("lambda", "update_function_code", FunctionName=name, **_code(resource.properties["Code"]))
        left_out = ("Code", "PackageType", "Architectures")
        settings = {name: value for name, value in resource.properties.items() if name not in left_out}
        call("lambda", "update_function_configuration", FunctionName=name, **settings)
        if "ImageConfig" in settings:  # moto accepts ImageConfig, but does not apply it
            function = lambda_backends[ACCOUNT][REGION].get_function(name)
            function.image_config = ImageConfig(settings["ImageConfig"])

    def delete(self, resource: Resource) -> None:
        call("lambda", "delete_function", FunctionName=resource.physical_id)
        self._functions.containers.forget(resource.physical_id)


class Version(Kind):
    """AWS::Lambda::Version: the function at the time of publishing, without later changes."""

    type = "AWS::Lambda::Version"

    def create(self, resource: Resource) -> None:
        made = call("lambda", "publish_version", FunctionName=resource.properties["FunctionName"])
        version = lambda_backends[ACCOUNT][REGION].get_function(made["FunctionName"], made["Version"])
        version.code = dict(version.code)  # moto shares this dict with the function and changes it in place
        resource.physical_id = resource.attributes["FunctionArn"] = made["FunctionArn"]
        resource.attributes["Version"] = made["Version"]

    def update(self, resource: Resource, old: dict[str, Any]) -> None:
        """Do nothing: a version never changes, because the CDK gives each new version a new logical id."""

    def delete(self, resource: Resource) -> None:
        function, version = resource.properties["FunctionName"], resource.attributes["Version"]
        call("lambda", "delete_function", FunctionName=function, Qualifier=version)


class Alias(Kind):
    """AWS::Lambda::Alias. If the update policy of the alias names CodeDeploy, CodeDeploy moves the alias."""

    type = "AWS::Lambda::Alias"

    def __init__(self, deployments: Deployments) -> None:
        self._deployments = deployments

    def create(self, resource: Resource) -> None:
        wanted = ("FunctionName", "Name", "FunctionVersion", "Description")
        made = call("lambda", "create_alias", **{name: resource.properties[name] for name in wanted})
        resource.physical_id = resource.attributes["AliasArn"] = made["AliasArn"]

    def update(self, resource: Resource, old: dict[str, Any]) -> None:
        function, name, version = (resource.properties[key] for key in ("FunctionName", "Name", "FunctionVersion"))
        if call("lambda", "get_alias", FunctionName=function, Name=name)["FunctionVersion"] == version:
            return  # a failed deployment did not move the alias, so a rollback has nothing to change
        if policy := resource.update_policy.get("CodeDeployLambdaAliasUpdate"):
            self._deployments.shift(policy, function, name, version, recorded=old["FunctionVersion"])
        else:
            call("lambda", "update_alias", FunctionName=function, Name=name, FunctionVersion=version)

    def delete(self, resource: Resource) -> None:
        name, function = resource.properties["Name"], resource.properties["FunctionName"]
        call("lambda", "delete_alias", FunctionName=function, Name=name)


def _refuse_reservation(properties: Mapping[str, Any]) -> None:
    """Refuse reserved concurrency: in a new account the whole quota must stay unreserved. moto checks no quota."""
    if "ReservedConcurrentExecutions" in properties:
        raise Refused(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{UNRESERVED_CONCURRENCY}]."
        )


def _code(code: Mapping[str, Any]) -> dict[str, Any]:
    """Return a function's code in the form that the API accepts. A template may contain the source code as text."""
    if "ZipFile" not in code:
        return dict(code)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", code["ZipFile"])
    return {"ZipFile": archive.getvalue()}
