"""Physical names of a deployed stack's resources, by type and logical id."""

from dataclasses import dataclass
from typing import Final

from pneumonia_cli.client.aws import Aws

FUNCTION = "AWS::Lambda::Function"
API, WORKER, BACKFILL = "InferenceApi", "InferenceWorker", "InferenceBackfill"
"""How the logical ids of the functions begin, and those of what belongs to them."""

LIVE: Final = "live"
"""The alias that has the traffic, of each function; infra/inference.py has it as well."""


@dataclass(frozen=True)
class Resource:
    kind: str
    logical_id: str
    physical_id: str


def resources(aws: Aws, stack: str) -> list[Resource]:
    """All resources of a stack. Raises botocore's errors."""
    pages = aws.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        Resource(entry["ResourceType"], entry["LogicalResourceId"], str(entry.get("PhysicalResourceId", "")))
        for page in pages
        for entry in page["StackResourceSummaries"]
    ]


def physical(found: list[Resource], kind: str, *beginnings: str) -> tuple[str, ...]:
    """Physical ids of one type, of those whose logical ids begin in one of these ways (all, if there is none)."""
    return tuple(
        one.physical_id for one in found if one.kind == kind and one.logical_id.startswith(beginnings or ("",))
    )
