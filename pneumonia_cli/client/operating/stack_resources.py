"""Physical names of the resources of a deployed stack, by type and logical id."""

from dataclasses import dataclass
from typing import Final

from pneumonia_cli.client.aws import Aws

FUNCTION = "AWS::Lambda::Function"
API, WORKER, BACKFILL = "InferenceApi", "InferenceWorker", "InferenceBackfill"
"""Start of the logical ids of the functions, and of the resources that belong to them."""

LIVE: Final = "live"
"""The alias that receives the traffic of each function. infra/inference.py uses the same name."""


@dataclass(frozen=True)
class Resource:
    kind: str
    logical_id: str
    physical_id: str


def resources(aws: Aws, stack: str) -> list[Resource]:
    """Return all resources of a stack. Raises botocore's errors."""
    pages = aws.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        Resource(entry["ResourceType"], entry["LogicalResourceId"], str(entry.get("PhysicalResourceId", "")))
        for page in pages
        for entry in page["StackResourceSummaries"]
    ]


def physical(found: list[Resource], kind: str, *beginnings: str) -> tuple[str, ...]:
    """Return the physical ids of resources by type and by the start of their logical ids. No `beginnings`: all."""
    return tuple(
        one.physical_id for one in found if one.kind == kind and one.logical_id.startswith(beginnings or ("",))
    )
