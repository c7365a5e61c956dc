"""Log groups with the retention of the settings, and the roles of functions that write to them."""

from __future__ import annotations

from typing import cast

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.removal import removal_policy
from pneumonia_cli.stack.settings import StackSettings


def log_group(scope: Construct, construct_id: str, settings: StackSettings, key: kms.IKey | None) -> logs.LogGroup:
    """Return a log group that keeps entries for ``log_retention_days``, under `key` or the key of CloudWatch Logs."""
    group = logs.LogGroup(scope, construct_id, encryption_key=key, removal_policy=removal_policy(settings))
    # The L2 property accepts only members of an enumeration. The settings have already validated the number.
    cast(logs.CfnLogGroup, group.node.default_child).retention_in_days = settings.log_retention_days
    return group


def function_role(
    scope: Construct, name: str, settings: StackSettings, key: kms.IKey | None, *, description: str
) -> tuple[iam.Role, logs.LogGroup]:
    """Return a function's execution role ``<name>Role``, and ``<name>Logs``, the only log group that it may write to.

    The CDK's default role may write to every log group of the account.
    """
    group = log_group(scope, f"{name}Logs", settings, key)
    role = iam.Role(
        scope, f"{name}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=description
    )
    group.grant_write(role)
    return role, group
