"""The step on a failed first deployment passes if nothing is left, and fails if the template retains resources."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pneumonia_cli.stack.context import default_context
from rehearsal.first_day import fail_and_leave_nothing
from rehearsal.function_kinds import UNRESERVED_CONCURRENCY
from rehearsal.proof import NotShown, Proofs
from tests.infra.conftest import Synthesised
from tests.rehearsal.conftest import ROLE, STACK, Deploy, Failed, function

pytestmark = pytest.mark.slow

# A function in a new account, whose quota allows no reservation.
REFUSED: dict[str, Any] = function("handler = print", ReservedConcurrentExecutions=10)


def resources(policy: str) -> dict[str, Any]:
    return {
        "Images": {"Type": "AWS::S3::Bucket", "DeletionPolicy": policy},
        "Logs": {"Type": "AWS::Logs::LogGroup", "DeletionPolicy": policy, "Properties": {"LogGroupName": "ward"}},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Role": ROLE,
        "Worker": {**REFUSED, "DependsOn": ["Images", "Logs", "Queue"]},
    }


def fail(proofs: Proofs, deploy: Deploy, made: dict[str, Any]) -> None:
    def first() -> str:
        with contextlib.suppress(Failed):
            deploy(made, **({"Name": {"Ref": "Images"}} if "Images" in made else {}))
        return ""

    fail_and_leave_nothing(proofs, STACK, first)


def test_resources_with_retain_except_on_create_are_removed(deploy: Deploy) -> None:
    proofs = Proofs(Console(quiet=True))
    fail(proofs, deploy, resources("RetainExceptOnCreate"))
    assert proofs.rows[0].seen == "4 resources with 1 buckets and 1 log groups made, none is left"


def test_resources_with_plain_retain_fail_the_step(deploy: Deploy) -> None:
    with pytest.raises(NotShown, match=r"left behind: bucket .*, log group ward"):
        fail(Proofs(Console(quiet=True)), deploy, resources("Retain"))


def test_a_successful_deployment_fails_the_step(deploy: Deploy) -> None:
    with pytest.raises(NotShown, match="the stack is CREATE_COMPLETE"):
        fail(Proofs(Console(quiet=True)), deploy, {"Queue": {"Type": "AWS::SQS::Queue"}})


def test_a_deployment_that_fails_too_early_fails_the_step(deploy: Deploy) -> None:
    made = {"Role": ROLE, "Worker": REFUSED}
    with pytest.raises(NotShown, match="before any AWS::S3::Bucket"):
        fail(Proofs(Console(quiet=True)), deploy, made)


def test_a_new_account_refuses_reserved_concurrency(deploy: Deploy) -> None:
    with pytest.raises(Failed, match="UnreservedConcurrentExecution"):
        deploy({"Role": ROLE, "Worker": REFUSED})


@pytest.mark.parametrize("policy", ["unchanged", "Retain"])
def test_the_template_of_the_project_leaves_resources_only_with_plain_retain(
    deploy: Deploy, tmp_path: Path, policy: str
) -> None:
    reserving = {"worker_reserved_concurrency": UNRESERVED_CONCURRENCY}
    template = dict(Synthesised(default_context(), reserving, tmp_path).template)
    if policy == "Retain":
        text = json.dumps(template["Resources"])
        assert '"RetainExceptOnCreate"' in text
        template["Resources"] = json.loads(text.replace('"RetainExceptOnCreate"', '"Retain"'))
    proofs = Proofs(Console(quiet=True))

    def first() -> str:
        with pytest.raises(Failed, match="UnreservedConcurrentExecution"):
            deploy(template["Resources"], **{name: one["Value"] for name, one in template["Outputs"].items()})
        return ""

    if policy == "Retain":
        with pytest.raises(NotShown, match=r"left behind: .*bucket.*log group"):
            fail_and_leave_nothing(proofs, STACK, first)
    else:
        fail_and_leave_nothing(proofs, STACK, first)
        assert "with 2 buckets and 5 log groups" in proofs.rows[0].seen
