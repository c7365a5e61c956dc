"""Findings that only the settings for regulated users bring, with their reasons; see infra/acknowledgements.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from constructs import Construct, IConstruct

from infra.inference import Inference
from infra.network import Network
from infra.uploads import Uploads

_FLOW_LOGS: Final = (
    "The policy belongs to one role, is made and removed with it, and lets VPC flow logs write to one log group."
)


def regulated(
    *, inference: Inference, uploads: Uploads, network: Network | None
) -> Iterator[tuple[IConstruct, dict[str, str]]]:
    """Each construct that `vpc` and `access_log_days` add, with its findings' reasons."""
    if uploads.access_logs is not None:
        yield uploads.access_logs, _access_logs()
    if network is not None:
        yield from _network(inference, network)


def _access_logs() -> dict[str, str]:
    return {
        "HIPAA.Security-S3DefaultEncryptionKMS": (
            "S3 delivers access logs to no bucket under a key of KMS: it is encrypted with S3's own keys (SSE-S3)."
        ),
        "HIPAA.Security-S3BucketReplicationEnabled": (
            "Logs are kept in one place for access_log_days; what must live longer the account's own archive copies."
        ),
        "HIPAA.Security-S3BucketVersioningEnabled": (
            "S3 writes each log once under a name of its own and never again: there are no versions to keep."
        ),
    }


def _network(inference: Inference, network: Network) -> Iterator[tuple[IConstruct, dict[str, str]]]:
    yield (
        network.vpc,
        {
            "HIPAA.Security-VPCDefaultSecurityGroupClosed": (
                "The rule speaks up at every VPC. Nothing is attached to the default security group: functions and "
                "endpoints have groups of their own, and no subnet has a route to the internet."
            )
        },
    )
    yield (
        network.node.find_child("FlowLogs"),
        {
            "HIPAA.Security-CloudWatchLogGroupEncrypted": (
                "Encrypted with the key of CloudWatch Logs, or the account's own by setting (customer_keys). It "
                "holds addresses and ports inside the VPC, nothing of a request."
            )
        },
    )
    yield _policy(network.node.find_child("FlowLogsRole")), {"HIPAA.Security-IAMNoInlinePolicy": _FLOW_LOGS}
    functions = [inference.api, inference.worker, *([inference.backfill] if inference.backfill else [])]
    for role in (function.role for function in functions):
        yield (
            _policy(role),
            {
                "AwsSolutions-IAM5[Resource::*]": (
                    "With vpc Lambda attaches the function to its subnets by these permissions, and refuses a role "
                    "that has them for less; the function's own code is denied them. With tracing "
                    "xray:PutTraceSegments and PutTelemetryRecords exist for no single resource."
                )
            },
        )


def _policy(role: IConstruct | None) -> IConstruct:
    assert isinstance(role, Construct)  # noqa: S101 - both functions have roles of their own  # nosec B101
    return role.node.find_child("DefaultPolicy")
