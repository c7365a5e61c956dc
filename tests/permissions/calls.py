"""Find the permissions that an AWS API call needs: actions, resources, and condition keys of the request.

Callers of this module pass a function that names buckets, queues and other resources. An operation that is not listed
here is an error, so that a new call never counts as one without permissions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Parameters = Mapping[str, Any]
Name = Callable[[str], str]
"""Takes a bucket, the URL of a queue, an ARN and so on. Returns the name of the resource in the tables."""


@dataclass(frozen=True)
class Need:
    """One permission. `context` holds the condition keys that the request has."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        keys = f" with {dict(self.context)}" if self.context else ""
        return f"{self.action} on {self.resource}{keys}"


def needs(service: str, operation: str, given: Parameters, name: Name) -> list[Need]:
    """Return the permissions that one call needs. Raises KeyError for an operation that is not listed."""
    return _TABLE[f"{service}.{operation}"](given, name)


def for_form(bucket: str, key: str, name: Name) -> list[Need]:
    """Return the permissions that the signer of a form (presigned POST) needs."""
    return [Need("s3:PutObject", f"{name(bucket)}/{key}")]


def with_keys(found: list[Need], data_key: str, region: str) -> list[Need]:
    """Return the permissions that the same calls need if a customer-managed key encrypts buckets and secrets."""
    return [*found, *(key for need in found for key in _of_key(need, data_key, region))]


def _of_key(need: Need, data_key: str, region: str) -> list[Need]:
    through = {"kms:ViaService": f"{need.action.partition(':')[0]}.{region}.amazonaws.com"}
    match need.action:
        case "s3:GetObject" | "s3:GetObjectVersion" | "secretsmanager:GetSecretValue":
            return [Need("kms:Decrypt", data_key, through)]
        case "s3:PutObject":  # only multipart uploads need Decrypt, and the project makes none
            return [Need("kms:GenerateDataKey", data_key, through)]
        case "secretsmanager:PutSecretValue":
            return [Need(action, data_key, through) for action in ("kms:GenerateDataKey", "kms:Decrypt")]
    return []


def _read(given: Parameters, name: Name) -> list[Need]:
    action = "s3:GetObjectVersion" if given.get("VersionId") else "s3:GetObject"
    return [Need(action, f"{name(given['Bucket'])}/{given['Key']}")]


def _write(given: Parameters, name: Name) -> list[Need]:
    where = f"{name(given['Bucket'])}/{given['Key']}"
    found = [Need("s3:PutObject", where)]
    if "IfMatch" in given:  # IfMatch compares with the stored object; IfNoneMatch only checks existence
        found.append(Need("s3:GetObject", where))
    if "Tagging" in given:
        found.append(Need("s3:PutObjectTagging", where))
    return found


def _listing(action: str) -> Callable[[Parameters, Name], list[Need]]:
    def of(given: Parameters, name: Name) -> list[Need]:
        # A request without a prefix does not have this condition key.
        prefix = {"s3:prefix": str(given["Prefix"])} if given.get("Prefix") else {}
        return [Need(action, name(given["Bucket"]), prefix)]

    return of


def _delete(given: Parameters, name: Name) -> list[Need]:
    found = []
    for item in given["Delete"]["Objects"]:
        action = "s3:DeleteObjectVersion" if item.get("VersionId") else "s3:DeleteObject"
        where = f"{name(given['Bucket'])}/{item['Key']}"
        found.append(Need(action, where))
        if given.get("BypassGovernanceRetention"):
            found.append(Need("s3:BypassGovernanceRetention", where))
    return found


def _on_bucket(action: str) -> Callable[[Parameters, Name], list[Need]]:
    return lambda given, name: [Need(action, name(given["Bucket"]))]


def _on_object(action: str) -> Callable[[Parameters, Name], list[Need]]:
    return lambda given, name: [Need(action, f"{name(given['Bucket'])}/{given['Key']}")]


def _on_queue(action: str) -> Callable[[Parameters, Name], list[Need]]:
    return lambda given, name: [Need(action, name(given["QueueUrl"]))]


def _on(parameter: str, *actions: str) -> Callable[[Parameters, Name], list[Need]]:
    return lambda given, name: [Need(action, name(given[parameter])) for action in actions]


def _anywhere(action: str) -> Callable[[Parameters, Name], list[Need]]:
    return lambda _given, _name: [Need(action, "*")]


def _move(given: Parameters, name: Name) -> list[Need]:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""
    source, target = name(given["SourceArn"]), name(given["DestinationArn"])
    of_source = ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
    return [*(Need(f"sqs:{action}", source) for action in of_source), Need("sqs:SendMessage", target)]


def _send_events(given: Parameters, name: Name) -> list[Need]:
    return [Need("events:PutEvents", name(entry["EventBusName"])) for entry in given["Entries"]]


_TABLE: Mapping[str, Callable[[Parameters, Name], list[Need]]] = {
    "s3.GetObject": _read,
    "s3.HeadObject": _read,
    "s3.PutObject": _write,
    "s3.HeadBucket": _on_bucket("s3:ListBucket"),
    "s3.ListObjectsV2": _listing("s3:ListBucket"),
    "s3.ListObjectVersions": _listing("s3:ListBucketVersions"),
    "s3.ListMultipartUploads": _listing("s3:ListBucketMultipartUploads"),
    "s3.AbortMultipartUpload": _on_object("s3:AbortMultipartUpload"),
    "s3.DeleteObjects": _delete,
    "sqs.GetQueueAttributes": _on_queue("sqs:GetQueueAttributes"),
    "sqs.ReceiveMessage": _on_queue("sqs:ReceiveMessage"),
    "sqs.DeleteMessage": _on_queue("sqs:DeleteMessage"),
    "sqs.DeleteMessageBatch": _on_queue("sqs:DeleteMessage"),
    "sqs.SendMessageBatch": _on_queue("sqs:SendMessage"),
    "sqs.ChangeMessageVisibility": _on_queue("sqs:ChangeMessageVisibility"),
    "sqs.StartMessageMoveTask": _move,
    "sqs.ListMessageMoveTasks": _on("SourceArn", "sqs:ListMessageMoveTasks"),
    "events.PutEvents": _send_events,
    "secretsmanager.GetSecretValue": _on("SecretId", "secretsmanager:GetSecretValue"),
    "secretsmanager.DescribeSecret": _on("SecretId", "secretsmanager:DescribeSecret"),
    "secretsmanager.PutSecretValue": _on("SecretId", "secretsmanager:PutSecretValue"),
    "lambda.Invoke": _on("FunctionName", "lambda:InvokeFunction"),
    "lambda.GetAlias": _on("FunctionName", "lambda:GetAlias"),
    "lambda.UpdateAlias": _on("FunctionName", "lambda:UpdateAlias"),
    "lambda.ListVersionsByFunction": _on("FunctionName", "lambda:ListVersionsByFunction"),
    "lambda.GetFunctionConfiguration": _on("FunctionName", "lambda:GetFunctionConfiguration"),
    "lambda.GetProvisionedConcurrencyConfig": _on("FunctionName", "lambda:GetProvisionedConcurrencyConfig"),
    "codedeploy.PutLifecycleEventHookExecutionStatus": _on(
        "deploymentId", "codedeploy:PutLifecycleEventHookExecutionStatus"
    ),
    "cloudformation.DescribeStacks": _on("StackName", "cloudformation:DescribeStacks"),
    "cloudformation.ListStackResources": _on("StackName", "cloudformation:ListStackResources"),
    # Neither of these two actions can be limited to the resources of a stack.
    "cloudwatch.DescribeAlarms": _anywhere("cloudwatch:DescribeAlarms"),
    "cloudwatch.GetMetricData": _anywhere("cloudwatch:GetMetricData"),
    "stepfunctions.StartExecution": _on("stateMachineArn", "states:StartExecution"),
    "stepfunctions.ListExecutions": _on("stateMachineArn", "states:ListExecutions"),
    "stepfunctions.DescribeExecution": _on("executionArn", "states:DescribeExecution"),
    "stepfunctions.StopExecution": _on("executionArn", "states:StopExecution"),
    "stepfunctions.ListMapRuns": _on("executionArn", "states:ListMapRuns"),
    "stepfunctions.DescribeMapRun": _on("mapRunArn", "states:DescribeMapRun"),
}
