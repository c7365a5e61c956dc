"""Run commands of docs/operations.md on the deployed stack."""

import json
from collections.abc import Callable

from rehearsal.deployed_stack import DeployedStack
from rehearsal.proof import Proofs, require

Client = Callable[..., str]
"""Run `pneumonia` with these arguments against the stack, and return its standard output."""


class Operating:
    """The commands of an operator."""

    def __init__(self, proofs: Proofs, stack: DeployedStack, client: Client) -> None:
        self._proofs = proofs
        self._stack = stack
        self._client = client

    def look(self) -> None:
        """Check health, queues and alarms, and the bill of the deployed resources."""
        with self._proofs.step("pneumonia status finds the stack healthy") as proof:
            status = json.loads(self._client("status", "--json"))
            require(status["well"], f"the stack is not healthy: {status}")
            proof.seen = f"{status['detail']}, {status['waiting']} waiting, no alarm"
        with self._proofs.step("pneumonia bill finds everything that costs something") as proof:
            usd = json.loads(self._client("bill", "--json"))["usd"]
            # moto counts no calls, so only resources billed by time have a price.
            require(usd["alarm_hours"] > usd["dashboard_hours"] / 2 > 0, f"the bill is wrong: {usd}")
            proof.seen = f"alarms and dashboard so far this month: {usd['total']:.2f} USD"

    def purge(self, key: str) -> None:
        """Check that purging an upload deletes all its versions and results."""
        with self._proofs.step("pneumonia purge removes every trace of an upload") as proof:
            require(self._stack.has_result(key), "there was nothing to purge")
            purged = json.loads(self._client("purge", "--key", key, "--yes", "--json"))
            require(purged["remaining"] == [], f"not deleted: {purged['remaining']}")
            for name in ("UploadBucketName", "ResultBucketName"):
                bucket = self._stack.outputs[name]
                found = self._stack.s3.list_object_versions(Bucket=bucket, Prefix=key)
                require(not found.get("Versions") and not found.get("DeleteMarkers"), f"versions are left in {bucket}")
            proof.seen = f"{purged['uploads']} version of the image and {purged['results']} results deleted"
