"""Policy statements of roles, with single actions on single resources.

The CDK's own methods grant more. For example, ``grant_read()`` of a bucket adds ``s3:GetBucket*``, ``s3:List*`` and
every ``s3:GetObject*`` action.
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
    """Allow `role`, such as the execution role of a function, the `actions` on `resources`."""
    cast(iam.IRole, role).add_to_principal_policy(
        iam.PolicyStatement(sid=sid, actions=list(actions), resources=list(resources), conditions=conditions)
    )


def deny(role: iam.IRole | None, sid: str, actions: Sequence[str], resources: Sequence[str]) -> None:
    """Deny `role` the `actions` on `resources`, even if other statements allow them."""
    cast(iam.IRole, role).add_to_principal_policy(
        iam.PolicyStatement(sid=sid, effect=iam.Effect.DENY, actions=list(actions), resources=list(resources))
    )


def allow_key(role: iam.IRole | None, key: kms.IKey | None, *actions: str, service: str) -> None:
    """Allow `role` to use `key` through `service` ("s3", "secretsmanager"). Without a key, do nothing."""
    if key is None:
        return
    cast(iam.IRole, role).add_to_principal_policy(
        iam.PolicyStatement(
            actions=list(actions),
            resources=[key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"{service}.{Aws.REGION}.amazonaws.com"}},
        )
    )
