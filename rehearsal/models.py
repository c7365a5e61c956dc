"""Add resource types that moto's CloudFormation lacks, or implements too coarsely for a rehearsal.

moto skips an unknown type and still reports CREATE_COMPLETE. Here an unknown type is an error. A deployment that passes
has therefore created every resource of its template.
"""

import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel

CUSTOM = "Custom::"
"""Prefix of the types of custom resources. One kind handles all of them."""


class Refused(Exception):
    """AWS would refuse this. The message says why. Some steps of a rehearsal expect it."""


class UnknownType(Exception):
    """The template contains a type that neither moto nor the table of `resources.py` has."""


@dataclass
class Resource:
    """One resource of a stack. A kind sets `physical_id` and, for Fn::GetAtt, `attributes`."""

    type: str
    logical_id: str
    stack_id: str
    name: str
    properties: dict[str, Any]
    update_policy: dict[str, Any]
    physical_id: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


class Kind(ABC):
    """How one resource type is created, changed and removed, each with one or two API calls of its service."""

    type: ClassVar[str]
    name_property: ClassVar[str] = ""
    """The property that holds the resource's name. Without this property, a name is generated."""

    @abstractmethod
    def create(self, resource: Resource) -> None:
        """Create the resource."""

    def update(self, resource: Resource, old: dict[str, Any]) -> None:
        """Change the resource from its `old` properties. By default, create it again, because most calls overwrite."""
        self.create(resource)

    def delete(self, resource: Resource) -> None:  # noqa: B027 - not abstract, see the docstring
        """Remove the resource. By default do nothing, for resources that are removed with their parent."""


class Model(CloudFormationModel):
    """A resource in moto's state. Each kind gets its own subclass."""

    kind: ClassVar[Kind]

    def __init__(self, resource: Resource) -> None:
        self.resource = resource

    @property
    def physical_resource_id(self) -> str:
        return self.resource.physical_id

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return ""  # `installed` provides the table

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        return self.resource.attributes[attribute_name]

    def is_created(self) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **kwargs: Any,
    ) -> "Model":
        resource = Resource(
            kwargs["ResourceType"],
            kwargs["LogicalId"],
            kwargs["StackId"],
            resource_name,
            _properties(cloudformation_json),
            cloudformation_json.get("UpdatePolicy", {}),
        )
        cls.kind.create(resource)
        return cls(resource)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> "Model":
        resource: Resource = original_resource.resource
        old, resource.properties = resource.properties, _properties(cloudformation_json)
        resource.update_policy = cloudformation_json.get("UpdatePolicy", {})
        cls.kind.update(resource, old)
        return cls(resource)

    def delete(self, account_id: str, region_name: str) -> None:
        """Remove the resource. moto calls this when the resource or its stack is deleted."""
        self.kind.delete(self.resource)


def _properties(cloudformation_json: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = json.loads(json.dumps(cloudformation_json.get("Properties", {})))
    properties.pop("Tags", None)  # the format of tags differs between services, and nothing here reads tags
    return properties


@contextlib.contextmanager
def installed(kinds: Iterable[Kind]) -> Iterator[None]:
    """Make moto use these kinds instead of moto's models during a `with` block."""
    models = {kind.type: _model_of(kind) for kind in kinds}
    names = {kind.type: kind.name_property for kind in kinds}
    original = parsing.resource_class_from_type
    original_name = parsing.resource_name_property_from_type

    def class_of(resource_type: str) -> type[CloudFormationModel]:
        ours = models.get(CUSTOM if resource_type.startswith(CUSTOM) else resource_type)
        found: type[CloudFormationModel] | None = ours or original(resource_type)
        if found is None:
            raise UnknownType(f"{resource_type}: add a class for it to rehearsal/resources.py.")
        return found

    def name_of(resource_type: str) -> str | None:
        return names.get(resource_type) or original_name(resource_type)

    with contextlib.ExitStack() as undo:
        replace(undo, parsing, "resource_class_from_type", class_of)
        replace(undo, parsing, "resource_name_property_from_type", name_of)
        yield


def _model_of(kind: Kind) -> type[Model]:
    return type(f"{type(kind).__name__}Model", (Model,), {"kind": kind})


def replace(undo: contextlib.ExitStack, owner: Any, name: str, value: Any) -> None:
    """Set an attribute of moto. `undo` restores the original value."""
    undo.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)
