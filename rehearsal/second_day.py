"""Steps after the first release: a bad release, its rollback, and the next deployment."""

import json
from collections.abc import Callable

from rehearsal.codedeploy import Deployments
from rehearsal.deployed_stack import DeployedStack
from rehearsal.functions import put_to_sleep
from rehearsal.operating import Client
from rehearsal.proof import Proofs, require

Deploy = Callable[[str, bool], str]
"""Deploy a model of this version: deploy(version, fails). `fails`: the deployment must fail. Returns the output."""


class SecondDay:
    """Releases and rollbacks of a deployed stack."""

    def __init__(
        self, proofs: Proofs, stack: DeployedStack, deployments: Deployments, client: Client, deploy: Deploy
    ) -> None:
        self._proofs = proofs
        self._stack = stack
        self._deployments = deployments
        self._client = client
        self._deploy = deploy

    def release_roll_back_deploy(self, number: int) -> None:
        """Deploy a release, roll it back, and deploy another one. `number` distinguishes the model versions."""
        bad, good = f"{900 + number}.0.0", f"{900 + number}.1.0"
        before = self._stack.live()
        was = self._served()
        with self._proofs.step(f"Release, then pneumonia rollback ({number})") as proof:
            self._deploy(bad, False)
            released = self._stack.live()
            require(self._served() == bad, f"the release serves {self._served()}")
            for name, version in before.items():
                put_to_sleep(name, version)
            moved = json.loads(self._client("rollback", "--yes", "--json").splitlines()[-1])["functions"]
            back = self._stack.live()
            require(back == before, f"from {released} to {back}, not to {before}")
            require(all(one["woken"] for one in moved), f"inactive versions were not activated: {moved}")
            require(self._served() == was, f"after the rollback {self._served()} is served, not {was}")
            proof.seen = f"{len(moved)} inactive versions activated, aliases back, model {bad} → {was}"
        with self._proofs.step(f"CodeDeploy refuses a deployment until the rollback is undone ({number})") as proof:
            ended = len(self._deployments.ended)
            self._deploy(good, True)
            require(self._deployments.ended[ended:] == ["Failed"], f"deployments: {self._deployments.ended[ended:]}")
            require(self._stack.live() == before, f"the aliases moved to {self._stack.live()}")
            self._client("rollback", "--undo", "--yes", "--json")
            require(self._stack.live() == released, f"after the undo the aliases are at {self._stack.live()}")
            proof.seen = "INVALID_LAMBDA_CONFIGURATION, CloudFormation rolled back; pneumonia rollback --undo"
        with self._proofs.step(f"Then the deployment succeeds ({number})") as proof:
            self._deploy(good, False)
            now = self._stack.live()
            require(all(int(now[name]) > int(released[name]) for name in now), f"from {released} to {now}")
            require(self._served() == good, f"{self._served()} is served")
            proof.seen = f"model {good} answers"

    def _served(self) -> str:
        """Return the version of the model in use."""
        status = json.loads(self._client("status", "--json"))
        require(status["healthy"], f"the service is not healthy: {status}")
        return str(status["detail"].split()[-1])
