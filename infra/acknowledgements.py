"""Acknowledgements of cdk-nag findings. Each gives the reason why the stack is not changed.

Each acknowledgement is attached to the construct of its finding, so the same finding elsewhere stays open.
tests/infra/test_nag.py fails for any other finding, and for an acknowledgement without a finding.
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
    "Optional (setting access_log_days). TLS is enforced, public access is blocked, and only the roles of this stack "
    "read and write objects. Access logs contain object keys, and file names in keys may identify patients."
)
_S3_KEY: Final = "Encrypted at rest with S3's keys (SSE-S3), or with a customer-managed key (setting customer_keys)."
_NOT_REPLICATED: Final = (
    "The bucket is a working copy that expires, not the archive. The source system keeps the images, and a result can "
    "be computed again from its image. A replica would keep patient data in a second place after it expired here."
)
_NO_ASYNC: Final = (
    "This stack never invokes the function asynchronously, so Lambda has no failed event to keep. The API responds to "
    "its caller, uploads come through an SQS queue with its own dead-letter queue and alarm, and a backfill waits for "
    "responses."
)
_RESERVED_BY_SETTING: Final = (
    "Optional (settings api_reserved_concurrency, worker_reserved_concurrency). New accounts have a concurrency of 10 "
    "in total and refuse any reservation. The event source limits the worker."
)
_BOUNDED_BY_MAP: Final = (
    "The map that calls the function runs at most backfill_max_concurrency batches at once. A reservation would "
    "permanently take concurrency from the account for a function that runs only occasionally."
)
_CHECK_NO_DLQ: Final = (
    "CodeDeploy waits for the report of the check. A lost check fails its deployment, and the old version keeps the "
    "traffic."
)
_LOGS_KEY: Final = (
    "Encrypted at rest with the key of CloudWatch Logs, or with a customer-managed key (setting customer_keys). No "
    "name, pixel, file name or URL of an image is ever logged."
)


_NOT_TRACED: Final = {
    "Serverless-LambdaTracing": (
        "Optional (setting tracing). A request uses only one function, and logs carry one correlation id from an "
        "upload to its result. Tracing adds xray:PutTraceSegments on every resource to the roles."
    )
}
_TRACED: Final = {
    "AwsSolutions-IAM5[Resource::*]": (
        "The permission exists only with the setting tracing. xray:PutTraceSegments and PutTelemetryRecords cannot be "
        "limited to a resource. They write traces and read nothing."
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
                "Optional (setting customer_keys). CloudWatch cannot publish to a topic under the AWS managed key, so "
                "alarms would be lost. A message contains an alarm's name and a metric, and no patient data; TLS is "
                "enforced."
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
                    "Optional (setting vpc). The function needs nothing in a VPC. It calls only AWS services, over TLS "
                    "and with permissions for single resources, and the hosts in allowed_url_hosts (none by default)."
                ),
            },
        )
        if not tracing:
            _say(function, _NOT_TRACED)
        elif not in_vpc:  # with a VPC, regulated_acknowledgements.py gives one reason for VPC and tracing
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
                "Versioning is on only with result_lock_days. Conditional writes replace a result only with the "
                "result of a newer upload of the same key. An old version would be a superseded prediction that "
                "outlives its image. Uploads themselves are versioned."
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
    prefix = (
        f"The permission covers only objects under {API_PREFIX}, whose keys contain a random id that is generated at "
        "run time."
    )
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
                "This queue is itself the dead-letter queue. An alarm reports the first message, and messages can be "
                "redriven for 14 days."
            )
        },
    )
    for mapping in inference.live_worker.node.children:
        if mapping.node.id.startswith("SqsEventSource"):
            _say(
                mapping,
                {
                    "Serverless-LambdaEventSourceMappingDestination": (
                        "For SQS, failed messages go to the dead-letter queue in the redrive policy of the queue, "
                        "which is set. Lambda accepts no OnFailure destination for a queue."
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
            "Callers are other systems that get a new token by hand, so a scheduled rotation would lock them out. "
            "docs/access.md describes how to rotate the token."
        )
        _say(
            access.token,
            {
                "AwsSolutions-SMG4": rotation,
                "HIPAA.Security-SecretsManagerRotationEnabled": rotation,
                "HIPAA.Security-SecretsManagerUsingKMSKey": (
                    "Encrypted with the AWS managed key of Secrets Manager, or with a customer-managed key (setting "
                    "customer_keys). Only the role of the API function may read it."
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
                        "The permission exists only with auth 'token' or 'none', which the operator chooses. The URL "
                        "is then open at AWS, and with 'token' the function refuses any caller without a token. The "
                        "default is 'iam', without this permission."
                    )
                },
            )


def _release(inference: Inference, release: Release) -> None:
    for check in release.checks:
        _say(
            check,
            {
                "HIPAA.Security-LambdaConcurrency": (
                    "Only CodeDeploy calls this function, once in a deployment, so there is no concurrency to reserve "
                    "or to limit."
                ),
                "HIPAA.Security-LambdaDLQ": _CHECK_NO_DLQ,
                "Serverless-LambdaDLQ": _CHECK_NO_DLQ,
                "HIPAA.Security-LambdaInsideVPC": (
                    "The function calls only Lambda and CodeDeploy, over TLS. It holds the golden input of the model "
                    "card, a synthetic image, and never patient data."
                ),
                "Serverless-LambdaTracing": (
                    "The function runs once in a deployment; its log shows the findings and their times."
                ),
            },
        )
    for name, function in (("Api", inference.api), ("Worker", inference.worker)):
        _say(child(release, f"{name}CheckLogs"), {"HIPAA.Security-CloudWatchLogGroupEncrypted": _LOGS_KEY})
        _say(
            child(release, f"{name}CheckRole", "DefaultPolicy"),
            {
                "HIPAA.Security-IAMNoInlinePolicy": INLINE,
                f"AwsSolutions-IAM5[Resource::{arn(function)}:*]": (
                    "The permission covers the versions of one function. A permission for only the new version would "
                    "be only seconds old when it is needed. IAM takes longer to propagate a permission."
                ),
            },
        )
    _say(
        child(release.role, "DefaultPolicy"),
        {
            "HIPAA.Security-IAMNoInlinePolicy": INLINE,
            "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:*]": (
                "CodeDeploy requests cloudwatch:DescribeAlarms for all alarms of the account, regardless of which it "
                "reads. The action changes nothing."
            ),
        },
    )


def _say(construct: IConstruct, reasons: dict[str, str]) -> None:
    cdk.Validations.of(cast(Construct, construct)).acknowledge(
        *(cdk.Acknowledgment(id=id_, reason=reason) for id_, reason in reasons.items())
    )
