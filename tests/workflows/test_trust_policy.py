"""Test of the trust policy in docs/deploy.md: it accepts both forms of GitHub's subject."""

import json
import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_the_role_trusts_only_the_two_forms_of_the_subject() -> None:
    (policy,) = [
        block for block in re.findall(r"```json\n(.*?)```", PAGE, re.S) if "AssumeRoleWithWebIdentity" in block
    ]
    (statement,) = json.loads(policy)["Statement"]
    ((operator, conditions),) = statement["Condition"].items()
    assert operator == "StringEquals"
    subjects = conditions["token.actions.githubusercontent.com:sub"]
    assert [subject.endswith(":environment:production") for subject in subjects] == [True, True]
    assert ["@" in subject for subject in subjects] == [False, True]
