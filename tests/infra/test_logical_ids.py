"""Logical ids stay the same: CloudFormation knows a resource by its id alone, and another id is another resource."""

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
# A version of a function is published again whenever its code changes: its id ends in a hash of what it runs.
VERSION = re.compile(r"[0-9a-f]{32} AWS::Lambda::Version$")


def resources(template: Mapping[str, Any]) -> set[str]:
    """The logical id and type of each resource, as the stored list has them."""
    names = {f"{name} {resource['Type']}" for name, resource in template["Resources"].items()}
    return {VERSION.sub("* AWS::Lambda::Version", name) for name in names}


def stored(context: str) -> set[str]:
    """The lines of the stored list that belong to a context, without its name."""
    lines = STORED.read_text(encoding="utf-8").splitlines()
    return {line.removeprefix(f"{context} ") for line in lines if line.startswith(f"{context} ")}


@pytest.mark.parametrize("context", CONTEXTS)
def test_logical_ids_are_those_of_deployed_stacks(synthesise: Synthesise, context: str) -> None:
    now, before = resources(synthesise(**CONTEXTS[context]).template), stored(context)
    gone, new = sorted(before - now), sorted(now - before)
    assert not gone, (
        f"The template of the context '{context}' no longer has {gone}; new in it are {new}. "
        "A construct that is renamed or moved has another logical id, and the next deployment of a user's stack then "
        "makes a new, empty bucket (or queue, or key) and takes the old one out of the stack: its films and "
        "results are deleted, or stay where nothing reads them any more. Give the construct its old id and parent "
        f"again. Only where the resource itself has to go, take its line out of {STORED.name}."
    )
    assert not new, (
        f"The template of the context '{context}' also has {new}: if they are meant, add them to {STORED.name}."
    )
