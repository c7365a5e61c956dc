"""Code that the acknowledgements share: names of constructs and resources as in cdk-nag, and common reasons."""

from __future__ import annotations

from typing import Final, cast

from aws_cdk import CfnElement, Stack
from constructs import Construct, IConstruct

OBJECTS: Final = (
    "Callers choose the keys, so the policy cannot list single objects. It names the bucket and the actions."
)
INLINE: Final = (
    "The policy belongs to one role, is created and deleted with it, and nothing else uses it. A managed policy could "
    "be attached to another principal. tests/infra/test_permissions.py lists everything that it allows."
)


def child(construct: IConstruct | None, *path: str) -> IConstruct:
    """Return the construct at ``path`` below ``construct``. Raise if there is none."""
    found = cast(IConstruct, construct)
    for name in path:
        found = found.node.find_child(name)
    return found


def arn(resource: Construct) -> str:
    """Return the ARN of a resource as cdk-nag writes it in the id of a finding."""
    return f"<{Stack.of(resource).get_logical_id(cast(CfnElement, resource.node.default_child))}.Arn>"
