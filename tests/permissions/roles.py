"""Check the calls of the handlers against the policies of their roles in the synthesised stack."""

from collections.abc import Callable, Mapping
from typing import Any

from pneumonia_cli.local import names
from tests.conftest import RESULTS, UPLOADS
from tests.infra.conftest import REGULATED, Json, Synthesise, Synthesised
from tests.infra.iam import arn, decide, statements
from tests.permissions.calls import Need, for_form, needs, with_keys

ARCHIVE = "hospital-archive"
BUS = "films"

# Two stacks with every capability of the handlers: one without customer-managed keys, and one with every setting for
# regulated users. Only the first has archives, because they cannot be combined with a VPC.
_ALL: Json = {"auth": "token", "event_bus": BUS, "backfill": True, "feedback": True}
STACKS: tuple[Json, ...] = (_ALL | {"backfill_archives": [ARCHIVE]}, REGULATED | _ALL)

# File on the call stack -> role of the call. The call stack of a thread does not contain the handler, so the file
# whose code runs in the thread is also listed.
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
"""Condition keys in all requests from a function's code."""


class Checker:
    """Refuse calls that the role of their handler does not allow. `checked` counts calls by role."""

    def __init__(self, synthesise: Synthesise, *, without: str = "") -> None:
        """`without`: an action to remove from all policies, to test that the checker reports it."""
        # Synthesise now, because handlers run in several threads and the CDK must run in only one.
        self._stacks = [(overrides, synthesise(**overrides)) for overrides in STACKS]
        self._without = without
        self.checked: dict[str, int] = {}
        self._statements: dict[tuple[int, str], list[Json]] = {}

    def seen(self, service: str, operation: str, given: Mapping[str, Any], files: list[str]) -> None:
        """Raise AssertionError if a role does not allow the call, or if a call of the package has no handler."""
        role = role_of(files)
        if role is None:
            return  # the test itself made the call
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
        """Return whether the statements of a role allow the need, with its conditions."""
        if need.action == self._without:
            return False
        known = (id(stack), role)
        if known not in self._statements:
            self._statements[known] = statements(stack, role)
        return decide(self._statements[known], need.action, arn(stack, need.resource), dict(need.context) | _CODE)


def role_of(files: list[str]) -> str | None:
    """Return the role of the handler that made a call, or None for calls from outside the package."""
    for file in files:
        for ending, role in ROLES.items():
            if file.endswith(ending):
                return role
    inside = [file for file in files if "/lambda_src/pneumonia/" in file]
    assert not inside, f"a call from {inside[0]} with no handler on the stack: add its file to ROLES"
    return None


def _named(stack: Synthesised) -> Callable[[str], str]:
    """Return the function that names resources, including the deployment of a release check."""

    def name(physical: str) -> str:
        if physical.startswith("d-"):
            application, _ = stack.one("AWS::CodeDeploy::Application", "")
            group, _ = stack.one("AWS::CodeDeploy::DeploymentGroup", "ReleaseWorker")
            return f"arn:aws:codedeploy:REGION:ACCOUNT:deploymentgroup:{{{application}}}/{{{group}}}"
        return _name(physical)

    return name


def _name(physical: str) -> str:
    return _NAMES.get(physical) or physical.removeprefix(_FUNCTION)
