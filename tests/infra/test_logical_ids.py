"""Logical ids stay the same: CloudFormation identifies a resource by its id, so a new id is a new resource."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.infra.conftest import REGULATED, Json, Synthesise

STORED = Path(__file__).with_name("logical_ids.txt")
CONTEXTS: dict[str, Json] = {
    "defaults": {},
    "everything": REGULATED | {"backfill": True, "observability": "full", "alarm_email": "someone@example.org"},
}
# Each change of a function publishes a new version, so its id ends in a hash.
VERSION = re.compile(r"[0-9a-f]{32} AWS::Lambda::Version$")


def resources(template: Mapping[str, Any]) -> set[str]:
    """Return the logical id and type of each resource, in the form of the stored list."""
    names = {f"{name} {resource['Type']}" for name, resource in template["Resources"].items()}
    return {VERSION.sub("* AWS::Lambda::Version", name) for name in names}


def stored(context: str) -> set[str]:
    """Return the lines of a context in the stored list, without the name of the context."""
    lines = STORED.read_text(encoding="utf-8").splitlines()
    return {line.removeprefix(f"{context} ") for line in lines if line.startswith(f"{context} ")}


@pytest.mark.parametrize("context", CONTEXTS)
def test_logical_ids_are_those_of_deployed_stacks(synthesise: Synthesise, context: str) -> None:
    now, before = resources(synthesise(**CONTEXTS[context]).template), stored(context)
    gone, new = sorted(before - now), sorted(now - before)
    assert not gone, (
        f"The template of the context '{context}' no longer has {gone}; new in it are {new}. "
        "A renamed or moved construct gets a new logical id. The next deployment of a user's stack then "
        "creates a new, empty bucket (or queue, or key) and removes the old one from the stack: its images and "
        "results are deleted, or nothing reads them. Restore the construct's old id and parent. "
        f"Only if the resource itself must be removed, remove its line from {STORED.name}."
    )
    assert not new, (
        f"The template of the context '{context}' also has {new}. If this is intended, add them to {STORED.name}."
    )
