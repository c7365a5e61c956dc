"""A first deployment into an empty account that fails in the middle must leave nothing behind."""

from collections import Counter
from collections.abc import Callable
from typing import Final

from rehearsal.account import contents, told
from rehearsal.api import call
from rehearsal.proof import Proofs, require

# Types with data or logs. These are retained when a working stack is destroyed.
_RETAINED: Final = ("AWS::S3::Bucket", "AWS::Logs::LogGroup")


def fail_and_leave_nothing(proofs: Proofs, stack_name: str, deploy: Callable[[], str]) -> None:
    """Run `deploy`, which must fail. Raise NotShown if it passes, fails too early, or leaves a resource."""
    with proofs.step("A first deployment that fails in the middle leaves no bucket and no log group behind") as proof:
        before = contents()
        deploy()
        status = call("cloudformation", "describe_stacks", StackName=stack_name)["Stacks"][0]["StackStatus"]
        require(status == "ROLLBACK_COMPLETE", f"the stack is {status}")
        events = call("cloudformation", "describe_stack_events", StackName=stack_name)["StackEvents"]
        made = Counter(one["ResourceType"] for one in events if one["ResourceStatus"] == "CREATE_COMPLETE")
        for resource_type in _RETAINED:
            require(made[resource_type] > 0, f"it failed before any {resource_type} was made: {dict(made)}")
        left = contents() - before
        require(not left, f"left behind: {told(left)}")
        buckets, groups = (made[resource_type] for resource_type in _RETAINED)
        proof.seen = f"{made.total()} resources with {buckets} buckets and {groups} log groups made, none is left"
