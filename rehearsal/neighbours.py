"""Check that names do not collide with a second stack in the account, or with the same stack in another region."""

import json
from collections.abc import Mapping
from typing import Any, Final

from rehearsal.cdk import Cdk
from rehearsal.deployed_stack import DeployedStack
from rehearsal.proof import Proofs, require

NEIGHBOUR: Final = "Neighbour"

# Types whose names are unique in an account across regions.
_GLOBAL: Final = {"AWS::CloudWatch::Dashboard": "DashboardName", "AWS::IAM::Role": "RoleName"}


def stand_next_to(proofs: Proofs, cdk: Cdk, stack: DeployedStack, context: Mapping[str, str]) -> None:
    """Deploy a second stack next to an existing one, check that they share no resource, and destroy the second one."""
    with proofs.step("A second stack in the account has other names and does not change the first stack") as proof:
        before = set(stack.resources())
        beside = {**context, "stack_name": NEIGHBOUR}
        cdk.deploy(beside)
        neighbour = DeployedStack(NEIGHBOUR, stack.s3, stack.sqs)
        found = neighbour.resources()
        # Some resources have no id in moto. The id of a custom resource comes from its handler and is not a name.
        shared = {(kind, name) for kind, name in before & set(found) if name and not kind.startswith("Custom::")}
        require(not shared, f"both have {shared}")
        cdk.destroy(beside)
        require(set(stack.resources()) == before, "the first stack has changed")
        proof.seen = f"{len(found)} resources created, none of them shared, and removed"


def in_another_region(proofs: Proofs, template: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that every explicit name that is global in an account contains the region."""
    with proofs.step("The names that are unique in the account differ in another region") as proof:
        named = {
            logical_id: json.dumps(one["Properties"][_GLOBAL[one["Type"]]])
            for logical_id, one in template.items()
            if one["Type"] in _GLOBAL and _GLOBAL[one["Type"]] in one.get("Properties", {})
        }
        fixed = [logical_id for logical_id, name in named.items() if "AWS::Region" not in name]
        require(not fixed, f"names without the region: {fixed}")
        require(bool(named), "no resource has an explicit name, not even the dashboard")
        proof.seen = f"explicit names, each with the region: {len(named)}"
