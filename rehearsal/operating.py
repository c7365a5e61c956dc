"""What docs/operations.md gives to whoever operates a stack, tried on the deployed one."""

import json
from collections.abc import Callable

from rehearsal.deployed_stack import DeployedStack
from rehearsal.proof import Proofs, require

Client = Callable[..., str]
"""Runs `pneumonia` with these arguments against the stack; answers standard output."""


class Operating:
    """The commands of an operator."""

    def __init__(self, proofs: Proofs, stack: DeployedStack, client: Client) -> None:
        self._proofs = proofs
        self._stack = stack
        self._client = client

    def look(self) -> None:
        """Health, queues and alarms; and the bill, of parts that CloudFormation made."""
        with self._proofs.step("pneumonia status finds the stack well") as proof:
            status = json.loads(self._client("status", "--json"))
            require(status["well"], f"it is not: {status}")
            proof.seen = f"{status['detail']}, {status['waiting']} waiting, no alarm"
        with self._proofs.step("pneumonia bill finds all that costs something") as proof:
            usd = json.loads(self._client("bill", "--json"))["usd"]
            # moto counts no calls; what is there at all times has its price.
            require(usd["alarm_hours"] > usd["dashboard_hours"] / 2 > 0, f"it costs {usd}")
            proof.seen = f"alarms and dashboard so far this month: {usd['total']:.2f} USD"

    def purge(self, key: str) -> None:
        """Nothing is left of an upload."""
        with self._proofs.step("pneumonia purge leaves nothing of an upload") as proof:
            require(self._stack.has_result(key), "there was nothing to purge")
            purged = json.loads(self._client("purge", "--key", key, "--yes", "--json"))
            require(purged["remaining"] == [], f"left: {purged['remaining']}")
            for name in ("UploadBucketName", "ResultBucketName"):
                bucket = self._stack.outputs[name]
                found = self._stack.s3.list_object_versions(Bucket=bucket, Prefix=key)
                require(not found.get("Versions") and not found.get("DeleteMarkers"), f"versions are left in {bucket}")
            proof.seen = f"{purged['uploads']} version of the film and {purged['results']} results deleted"
