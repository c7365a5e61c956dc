"""The order in which the resources of a template are created: dependencies first. All functions are pure."""

import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from typing import Any, Final

_SUBSTITUTED: Final = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[A-Za-z0-9.]+)?\}")


def in_order(resources: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the logical ids, each after the ids that it refers to or depends on. Raise graphlib.CycleError."""
    graph = {
        logical_id: [needed for needed in sorted(needs(declared)) if needed in resources]
        for logical_id, declared in resources.items()
    }
    return list(TopologicalSorter(graph).static_order())


def needs(declared: Mapping[str, Any]) -> set[str]:
    """Return the names in a resource's Ref, Fn::GetAtt, Fn::Sub and DependsOn."""
    depends_on = declared.get("DependsOn", [])
    named = [depends_on] if isinstance(depends_on, str) else depends_on
    return {*named, *_references(declared.get("Properties", {}))}


def _references(value: Any) -> set[str]:
    if isinstance(value, list):
        return set[str]().union(*map(_references, value))
    if not isinstance(value, dict):
        return set()
    found = set[str]().union(*map(_references, value.values()))
    if isinstance(named := value.get("Ref"), str):
        found.add(named)
    if attribute := value.get("Fn::GetAtt"):
        found.add(attribute[0] if isinstance(attribute, list) else attribute.partition(".")[0])
    if substituted := value.get("Fn::Sub"):
        found.update(_SUBSTITUTED.findall(substituted if isinstance(substituted, str) else substituted[0]))
    return found
