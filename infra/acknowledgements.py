"""Findings of the cdk-nag packs that this stack answers with a reason instead of a change.

Each is said at the construct it concerns, so that the same finding elsewhere stays open. tests/infra/test_nag.py
lets no other finding through, and none of these outlive its finding.
"""

from __future__ import annotations

from typing import Final, cast

import aws_cdk as cdk
from constructs import Construct, IConstruct

from infra.access import Access
from infra.backfill import Backfill
from infra.backfill_acknowledgements import backfilled
from infra.findings import INLINE, OBJECTS, arn, child
from infra.inference import Inference
from infra.monitoring import Monitoring
from infra.network import Network
from infra.regulated_acknowledgements import regulated
from infra.release import Release
from infra.uploads import API_PREFIX, Uploads

_NO_ACCESS_LOGS: Final = (
    "By setting (access_log_days), not by default: TLS is enforced, public access is blocked, and the objects' readers "
    "and writers are the roles of this stack. Access logs hold object keys, and so whatever file names say of patients."
)
_S3_KEY: Final = "Encrypted at rest with S3's own keys (SSE-S3), or the account's own by setting (customer_keys)."
_NOT_REPLICATED: Final = (
    "A working copy with an expiry, not the archive: the films' own system keeps them, and a result can be computed "
    "again from its film. A replica would keep patients' data in a second place after it expired here."
)
_NO_ASYNC: Final = (
    "Never invoked asynchronously by this stack, so Lambda has no failed event to keep: the API answers its caller, "
    "uploads come through an SQS queue that has its own dead-letter queue and alarm, and a backfill waits for answers."
)
_RESERVED_BY_SETTING: Final = (
    "Reserved by setting (api_reserved_concurrency, worker_reserved_concurrency), not by default: new "
    "accounts have 10 in all and refuse any reservation. The event source bounds the worker."
)
_BOUNDED_BY_MAP: Final = (
    "The map that calls it runs at most backfill_max_concurrency batches at once. A reservation would be taken from "
    "the account at all times, for something that runs now and then."
)
_CHECK_NO_DLQ: Final = (
    "CodeDeploy waits for its report: a check that is lost fails its deployment, and the old version keeps the traffic."
)
_LOGS_KEY: Final = (
    "Encrypted at rest with the key of CloudWatch Logs. No name, pixel, file name or address of a film is ever logged; "
    "with a key of the account's own by setting (customer_keys)."
)


_NOT_TRACED: Final = {
    "Serverless-LambdaTracing": (
        "By setting (tracing), not by default: a request crosses one function, and logs carry one correlation id from "
        "an upload to its result. Tracing adds xray:PutTraceSegments on every resource to the roles."
    )
}
_TRACED: Final = {
    "AwsSolutions-IAM5[Resource::*]": (
        "xray:PutTraceSegments and PutTelemetryRecords exist for no single resource; they write traces, and read "
        "nothing. With the setting tracing alone."
    )
}


def acknowledge(
    *,
    inference: Inference,
    uploads: Uploads,
    access: Access,
    monitoring: Monitoring,
    release: Release,
    network: Network | None,
    backfill: Backfill | None,
    tracing: bool,
) -> None:
    """Attach every acknowledgement to the constructs of the stack."""
    for construct, reasons in (
        *regulated(inference=inference, uploads=uploads, network=network),
        *(backfilled(inference, uploads, backfill) if backfill is not None else ()),
    ):
        _say(construct, reasons)
    _functions(inference, tracing, in_vpc=network is not None)
    _buckets(uploads)
    _policies(inference, uploads)
    _queues(inference, uploads)
    _log_groups(inference, uploads)
    _access(inference, access)
    _release(inference, release)
    _say(
        monitoring.topic,
        {
            "HIPAA.Security-SNSEncryptedKMS": (
                "A key by setting (customer_keys): CloudWatch cannot publish under the AWS managed one, alarms would "
                "be lost. A message holds an alarm's name and a metric, nothing of a patient; TLS is enforced."
            )
        },
    )


def _functions(inference: Inference, tracing: bool, *, in_vpc: bool) -> None:
    functions = [inference.api, inference.worker]
    for function in functions:
        _say(function, {"HIPAA.Security-LambdaConcurrency": _RESERVED_BY_SETTING})
    if inference.backfill is not None:
        functions.append(inference.backfill)
        _say(inference.backfill, {"HIPAA.Security-LambdaConcurrency": _BOUNDED_BY_MAP})
    for function in functions:
        _say(
            function,
            {
                "HIPAA.Security-LambdaDLQ": _NO_ASYNC,
                "Serverless-LambdaDLQ": _NO_ASYNC,
                "HIPAA.Security-LambdaInsideVPC": (
                    "By setting (vpc), not by default: it reaches nothing in a VPC, only AWS services, over TLS and "
                    "with permissions for single resources, and hosts that allowed_url_hosts names (none by default)."
                ),
            },
        )
        if not tracing:
            _say(function, _NOT_TRACED)
        elif not in_vpc:  # else it is said together with what the VPC asks for
            _say(child(function.role, "DefaultPolicy"), _TRACED)


def _buckets(uploads: Uploads) -> None:
    for bucket in (uploads.upload_bucket, uploads.result_bucket):
        _say(
            bucket,
            {
                "AwsSolutions-S1": _NO_ACCESS_LOGS,
                "HIPAA.Security-S3BucketLoggingEnabled": _NO_ACCESS_LOGS,
                "HIPAA.Security-S3DefaultEncryptionKMS": _S3_KEY,
                "HIPAA.Security-S3BucketReplicationEnabled": _NOT_REPLICATED,
            },
        )
    _say(
        uploads.result_bucket,
        {
            "HIPAA.Security-S3BucketVersioningEnabled": (
                "With result_lock_days alone. A result is replaced only by that of a newer upload of its key, by "
                "conditional writes; an old version would be a superseded prediction that outlives its film. Films "
                "themselves are versioned."
            )
        },
    )


def _policies(inference: Inference, uploads: Uploads) -> None:
    notifications = uploads.upload_bucket.node.find_child("Notifications")
    for policy in (
        child(inference.api.role, "DefaultPolicy"),
        child(inference.worker.role, "DefaultPolicy"),
        child(child(uploads, "Notifications"), "Role", "DefaultPolicy"),
        child(notifications, "HandlerPolicy"),
    ):
        _say(policy, {"HIPAA.Security-IAMNoInlinePolicy": INLINE})
    upload, result = arn(uploads.upload_bucket), arn(uploads.result_bucket)
    prefix = f"Only objects under {API_PREFIX}, whose keys hold a random id that is made at run time."
    _say(
        child(inference.api.role, "DefaultPolicy"),
        {f"AwsSolutions-IAM5[Resource::{bucket}/{API_PREFIX}*]": prefix for bucket in (upload, result)},
    )
    _say(
        child(inference.worker.role, "DefaultPolicy"),
        {f"AwsSolutions-IAM5[Resource::{bucket}/*]": OBJECTS for bucket in (upload, result)},
    )


def _queues(inference: Inference, uploads: Uploads) -> None:
    _say(
        uploads.dead_letter_queue,
        {
            "Serverless-SQSRedrivePolicy": (
                "It is the dead-letter queue: where messages end, with an alarm at the first and 14 days to redrive."
            )
        },
    )
    for mapping in inference.live_worker.node.children:
        if mapping.node.id.startswith("SqsEventSource"):
            _say(
                mapping,
                {
                    "Serverless-LambdaEventSourceMappingDestination": (
                        "For SQS the destination of failures is the queue's redrive policy, and it is set; Lambda "
                        "takes no OnFailure destination for a queue."
                    )
                },
            )


def _log_groups(inference: Inference, uploads: Uploads) -> None:
    for group in (
        child(inference, "ApiLogs"),
        child(inference, "WorkerLogs"),
        *([child(inference, "BackfillLogs")] if inference.backfill is not None else []),
        child(uploads, "Notifications", "Logs"),
    ):
        _say(
            group,
            {"HIPAA.Security-CloudWatchLogGroupEncrypted": _LOGS_KEY},
        )


def _access(inference: Inference, access: Access) -> None:
    if access.token is not None:
        rotation = (
            "Callers are other systems that have to be given a new token by hand, so a rotation by the clock would "
            "lock them out; docs/access.md says how the token is changed."
        )
        _say(
            access.token,
            {
                "AwsSolutions-SMG4": rotation,
                "HIPAA.Security-SecretsManagerRotationEnabled": rotation,
                "HIPAA.Security-SecretsManagerUsingKMSKey": (
                    "Encrypted with the AWS managed key of Secrets Manager, or the account's own by setting "
                    "(customer_keys); the one role that may read it is the API's."
                ),
            },
        )
    for name in ("invoke-function-url", "invoke-function"):
        permission = inference.live_api.node.try_find_child(name)
        if permission is not None:
            _say(
                permission,
                {
                    "HIPAA.Security-LambdaFunctionPublicAccessProhibited": (
                        "Only with auth 'token' or 'none', which the operator chooses: the URL is open at AWS, and "
                        "with 'token' the function refuses whoever lacks the token. The default, 'iam', has no "
                        "such permission."
                    )
                },
            )


def _release(inference: Inference, release: Release) -> None:
    for check in release.checks:
        _say(
            check,
            {
                "HIPAA.Security-LambdaConcurrency": (
                    "Runs once in a deployment, called by CodeDeploy alone; there is nothing to reserve or to limit."
                ),
                "HIPAA.Security-LambdaDLQ": _CHECK_NO_DLQ,
                "Serverless-LambdaDLQ": _CHECK_NO_DLQ,
                "HIPAA.Security-LambdaInsideVPC": (
                    "Calls Lambda and CodeDeploy over TLS and nothing else; it holds the golden input of the model "
                    "card, a synthetic picture, and never a patient's data."
                ),
                "Serverless-LambdaTracing": "Runs once in a deployment; its log says what it found, and when.",
            },
        )
    for name, function in (("Api", inference.api), ("Worker", inference.worker)):
        _say(child(release, f"{name}CheckLogs"), {"HIPAA.Security-CloudWatchLogGroupEncrypted": _LOGS_KEY})
        _say(
            child(release, f"{name}CheckRole", "DefaultPolicy"),
            {
                "HIPAA.Security-IAMNoInlinePolicy": INLINE,
                f"AwsSolutions-IAM5[Resource::{arn(function)}:*]": (
                    "The versions of one function. A permission for the new version alone would be seconds old when "
                    "it is needed, and IAM takes longer to know it everywhere."
                ),
            },
        )
    _say(
        child(release.role, "DefaultPolicy"),
        {
            "HIPAA.Security-IAMNoInlinePolicy": INLINE,
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:*]": (
                "cloudwatch:DescribeAlarms is asked for all alarms of the account, whichever it then reads; it changes "
                "nothing."
            ),
        },
    )


def _say(construct: IConstruct, reasons: dict[str, str]) -> None:
    cdk.Validations.of(cast(Construct, construct)).acknowledge(
        *(cdk.Acknowledgment(id=id_, reason=reason) for id_, reason in reasons.items())
    )
