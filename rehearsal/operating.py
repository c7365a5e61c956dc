"""What docs/operations.md gives to whoever operates a stack, tried on the deployed one."""

import json
from collections.abc import Callable

from rehearsal.api import call
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

    def roll_back(self) -> None:
        """The aliases go one version back; afterwards they are put where the deployment had them."""
        with self._proofs.step("pneumonia rollback gives the traffic back to the version before") as proof:
            live = self._stack.live()
            self._client("rollback", "--yes", "--json")
            back = self._stack.live()
            require(all(int(back[name]) < int(live[name]) for name in live), f"from {live} to {back}")
            status = json.loads(self._client("status", "--json"))
            require(status["healthy"], f"it does not answer: {status}")
            proof.seen = f"aliases of {len(live)} functions, and {status['detail']} answers"
            for name, version in live.items():
                call("lambda", "update_alias", FunctionName=name, Name="live", FunctionVersion=version)
