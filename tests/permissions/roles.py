"""Holds the calls of the handlers against the policies of their roles, as the stack is synthesised."""

from collections.abc import Callable, Mapping
from typing import Any

from pneumonia_cli.local import names
from tests.conftest import RESULTS, UPLOADS
from tests.infra.conftest import REGULATED, Json, Synthesise, Synthesised
from tests.infra.iam import arn, decide, statements
from tests.permissions.calls import Need, for_form, needs, with_keys

ARCHIVE = "hospital-archive"
BUS = "films"

# Everything that a handler can be asked to do, once with no key of the customer, once with all that regulated users
# get. A VPC and archives exclude each other.
_ALL: Json = {"auth": "token", "event_bus": BUS, "backfill": True, "feedback": True}
STACKS: tuple[Json, ...] = (_ALL | {"backfill_archives": [ARCHIVE]}, REGULATED | _ALL)

# A file on the stack of a call -> the role that makes it. Threads begin below the handler: for them the file counts
# that gave them their work.
ROLES: Mapping[str, str] = {
    "pneumonia/handlers/api.py": "InferenceApiRole",
    "pneumonia/handlers/worker.py": "InferenceWorkerRole",
    "pneumonia/handlers/backfill.py": "InferenceBackfillRole",
    "pneumonia/backfill/batch.py": "InferenceBackfillRole",
    "pneumonia/handlers/release_check.py": "ReleaseWorkerCheckRole",
}

# Physical names in the tests -> names of tests.infra.iam.
_NAMES: Mapping[str, str] = {
    UPLOADS: "uploads",
    RESULTS: "results",
    names.UPLOAD_BUCKET: "uploads",
    names.RESULT_BUCKET: "results",
    names.TOKEN_SECRET: "token",
    ARCHIVE: f"arn:aws:s3:::{ARCHIVE}",
    BUS: f"arn:aws:events:REGION:ACCOUNT:event-bus/{BUS}",
}
_FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:"
_CODE = {"lambda:SourceFunctionArn": "arn:aws:lambda:REGION:ACCOUNT:function:whichever"}
"""In the context of all calls that a function's code makes."""


class Checker:
    """Told of calls; refuses what the role of the handler that makes them does not allow. `checked` counts by role."""

    def __init__(self, synthesise: Synthesise, *, without: str = "") -> None:
        """`without`: an action that is taken out of all policies, to see that this is noticed."""
        # Now: handlers run in threads, and the CDK in one alone.
        self._stacks = [(overrides, synthesise(**overrides)) for overrides in STACKS]
        self._without = without
        self.checked: dict[str, int] = {}
        self._statements: dict[tuple[int, str], list[Json]] = {}

    def seen(self, service: str, operation: str, given: Mapping[str, Any], files: list[str]) -> None:
        """Raises AssertionError if a role does not allow the call, or it comes from the package and from no handler."""
        role = role_of(files)
        if role is None:
            return  # of the test itself
        self.checked[role] = self.checked.get(role, 0) + 1
        for overrides, stack in self._stacks:
            if given.get("Bucket") == ARCHIVE and "backfill_archives" not in overrides:
                continue
            found = (
                for_form(given["Bucket"], given["Key"], _name)
                if operation == "PostForm"
                else needs(service, operation, given, _named(stack))
            )
            if "customer_keys" in overrides:
                found = with_keys(found, "data key", "REGION")
            for need in found:
                assert self.allows(stack, role, need), f"{operation}: {role} lacks {need} ({overrides})"

    def allows(self, stack: Synthesised, role: str, need: Need) -> bool:
        """Whether the statements of a role allow it, conditions included."""
        if need.action == self._without:
            return False
        known = (id(stack), role)
        if known not in self._statements:
            self._statements[known] = statements(stack, role)
        return decide(self._statements[known], need.action, arn(stack, need.resource), dict(need.context) | _CODE)


def role_of(files: list[str]) -> str | None:
    """The role of the handler whose code made a call; None for calls from outside the package."""
    for file in files:
        for ending, role in ROLES.items():
            if file.endswith(ending):
                return role
    inside = [file for file in files if "/lambda_src/pneumonia/" in file]
    assert not inside, f"a call from {inside[0]}, and no handler on the stack: ROLES does not know whose it is"
    return None


def _named(stack: Synthesised) -> Callable[[str], str]:
    """The same, with the deployment that a release check reports on."""

    def name(physical: str) -> str:
        if physical.startswith("d-"):
            application, _ = stack.one("AWS::CodeDeploy::Application", "")
            group, _ = stack.one("AWS::CodeDeploy::DeploymentGroup", "ReleaseWorker")
            return f"arn:aws:codedeploy:REGION:ACCOUNT:deploymentgroup:{{{application}}}/{{{group}}}"
        return _name(physical)

    return name


def _name(physical: str) -> str:
    return _NAMES.get(physical) or physical.removeprefix(_FUNCTION)
