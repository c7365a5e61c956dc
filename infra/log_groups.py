"""Log groups with the retention of the settings."""

from __future__ import annotations

from typing import cast

from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.removal import removal_policy
from pneumonia_cli.stack.settings import StackSettings


def log_group(scope: Construct, construct_id: str, settings: StackSettings, key: kms.IKey | None) -> logs.LogGroup:
    """A log group that keeps its entries for ``log_retention_days``, under `key` or that of CloudWatch Logs."""
    group = logs.LogGroup(scope, construct_id, encryption_key=key, removal_policy=removal_policy(settings))
    # The L2 property wants an enumeration with a member per number; the number itself is already validated.
    cast(logs.CfnLogGroup, group.node.default_child).retention_in_days = settings.log_retention_days
    return group
