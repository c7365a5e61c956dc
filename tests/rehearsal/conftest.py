"""The simulated AWS of a rehearsal, without Docker: the code of functions is in their template."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rehearsal.api import call
from rehearsal.codedeploy import Deployments
from rehearsal.containers import Containers
from rehearsal.deployment import in_order_or_back
from rehearsal.doors import Doors
from rehearsal.event_bridge import EventBridge
from rehearsal.functions import Functions
from rehearsal.models import installed
from rehearsal.resources import kinds
from rehearsal.server import Server, served

STACK = "Rehearsed"


@pytest.fixture
def server() -> Iterator[Server]:
    with served("127.0.0.1") as running:
        yield running


@pytest.fixture
def functions(server: Server) -> Iterator[Functions]:
    functions = Functions(Containers("127.0.0.1:9", server.environment_of_functions()))
    with functions.installed():
        yield functions


@pytest.fixture
def deployments() -> Deployments:
    return Deployments()


@pytest.fixture
def bridge() -> EventBridge:
    return EventBridge()


@pytest.fixture
def doors(server: Server, functions: Functions, deployments: Deployments, bridge: EventBridge) -> Iterator[Doors]:
    with (
        Doors(server.endpoint_url, server.credentials).standing() as doors,
        deployments.installed(),
        bridge.installed(),
        installed(kinds(doors, functions, deployments, bridge)),
        in_order_or_back(),
    ):
        yield doors


class Failed(Exception):
    """A stack could not be created or changed. The message says why."""


Deploy = Callable[..., dict[str, str]]


@pytest.fixture
def deploy(doors: Doors) -> Iterator[Deploy]:
    """Create or update a stack of the given resources, and return its outputs: deploy(resources, Name={"Ref": …}).

    Raises Failed if CloudFormation rolled back.
    """
    made = False

    def put(resources: dict[str, Any], **outputs: Any) -> dict[str, str]:
        nonlocal made
        template = {"Resources": resources, "Outputs": {name: {"Value": value} for name, value in outputs.items()}}
        call(
            "cloudformation", "update_stack" if made else "create_stack",
            StackName=STACK, TemplateBody=json.dumps(template),
        )  # fmt: skip
        made = True
        (stack,) = call("cloudformation", "describe_stacks", StackName=STACK)["Stacks"]
        if "ROLLBACK" in stack["StackStatus"]:
            events = call("cloudformation", "describe_stack_events", StackName=STACK)["StackEvents"]
            raise Failed(next(event["ResourceStatusReason"] for event in events if "FAILED" in event["ResourceStatus"]))
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    yield put
    if made:
        with contextlib.suppress(Exception):  # a test may have left the stack incomplete
            call("cloudformation", "delete_stack", StackName=STACK)


def function(source: str, **properties: Any) -> dict[str, Any]:
    """Return a function with the source of its handler, for a template."""
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.13", "Handler": "index.handler", "Code": {"ZipFile": source},
            "Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Timeout": 60, **properties,
        },
    }  # fmt: skip


ROLE: dict[str, Any] = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
            ],
        }
    },
}
