"""Statements in the policies of roles, each with its actions on single resources.

By hand, since what the CDK would grant is more: ``grant_read()`` of a bucket, for one, adds ``s3:GetBucket*``,
``s3:List*`` and every ``s3:GetObject*`` action.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms


def allow(
    role: iam.IRole | None,
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    conditions: dict[str, dict[str, str]] | None = None,
) -> None:
    """Let `role`, such as that of a function of this stack, do `actions` with `resources`."""
    cast(iam.IRole, role).add_to_principal_policy(
        iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources), conditions=conditions)
    )


def deny(role: iam.IRole | None, sid: str, actions: Sequence[str], resources: Sequence[str]) -> None:
    """Take `actions` with `resources` out of what `role` may do otherwise."""
    cast(iam.IRole, role).add_to_principal_policy(
        iam.PolicyStatement(sid=sid, effect=iam.Effect.DENY, actions=list(actions), resources=list(resources))
    )


def allow_key(role: iam.IRole | None, key: kms.IKey | None, *actions: str, service: str) -> None:
    """Let `role` use a key for what `service` ("s3", "secretsmanager") does on its behalf; nothing without a key."""
    if key is None:
        return
    cast(iam.IRole, role).add_to_principal_policy(
        iam.PolicyStatement(
            actions=list(actions),
            resources=[key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"{service}.{Aws.REGION}.amazonaws.com"}},
        )
    )
