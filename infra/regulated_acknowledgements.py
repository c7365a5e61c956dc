"""Reasons for the cdk-nag findings of the settings for regulated users; see infra/acknowledgements.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from constructs import Construct, IConstruct

from infra.inference import Inference
from infra.network import Network
from infra.uploads import Uploads

_FLOW_LOGS: Final = (
    "The policy belongs to one role, is created and deleted with it, and allows VPC flow logs to write to one log "
    "group."
)


def regulated(
    *, inference: Inference, uploads: Uploads, network: Network | None
) -> Iterator[tuple[IConstruct, dict[str, str]]]:
    """Yield each construct that `vpc` and `access_log_days` add, with the reason for each finding."""
    if uploads.access_logs is not None:
        yield uploads.access_logs, _access_logs()
    if network is not None:
        yield from _network(inference, network)


def _access_logs() -> dict[str, str]:
    return {
        "HIPAA.Security-S3DefaultEncryptionKMS": (
            "S3 does not deliver access logs to a bucket with a KMS key, so this bucket is encrypted with S3's keys "
            "(SSE-S3)."
        ),
        "HIPAA.Security-S3BucketReplicationEnabled": (
            "Logs are kept in one place for access_log_days. Copy them to your own archive to keep them longer."
        ),
        "HIPAA.Security-S3BucketVersioningEnabled": (
            "S3 writes each log once under a unique name and never overwrites it, so there are no versions to keep."
        ),
    }


def _network(inference: Inference, network: Network) -> Iterator[tuple[IConstruct, dict[str, str]]]:
    yield (
        network.vpc,
        {
            "HIPAA.Security-VPCDefaultSecurityGroupClosed": (
                "The rule reports every VPC. Nothing uses the default security group: functions and endpoints have "
                "their own groups, and no subnet has a route to the internet."
            )
        },
    )
    yield (
        network.node.find_child("FlowLogs"),
        {
            "HIPAA.Security-CloudWatchLogGroupEncrypted": (
                "Encrypted with the key of CloudWatch Logs, or with a customer-managed key (setting customer_keys). "
                "The log holds addresses and ports inside the VPC, and nothing about a request."
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
                    "With vpc, Lambda uses these permissions to attach the function to its subnets, and refuses a role "
                    "with narrower ones. The function's own code cannot use them. With tracing, xray:PutTraceSegments "
                    "and PutTelemetryRecords cannot be limited to a resource."
                )
            },
        )


def _policy(role: IConstruct | None) -> IConstruct:
    assert isinstance(role, Construct)  # noqa: S101 - each function has its own role  # nosec B101
    return role.node.find_child("DefaultPolicy")
