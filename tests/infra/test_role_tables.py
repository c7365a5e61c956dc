"""Tables of what each role can and cannot do in the stack with every setting for regulated users.

Grants have conditions there. test_permissions.py has all grants of the default stack.
"""

from typing import Any

import pytest

from infra.uploads import RESERVED_PREFIXES
from tests.infra.conftest import REGULATED, Synthesise, Synthesised
from tests.infra.iam import ROLE, allowed, arn, key_allows

S3, SECRETS = {"kms__ViaService": "s3.REGION.amazonaws.com"}, {"kms__ViaService": "secretsmanager.REGION.amazonaws.com"}
BY_ITS_CODE = {"lambda__SourceFunctionArn": "arn:aws:lambda:REGION:ACCOUNT:function:whichever"}

Table = dict[str, list[tuple[Any, ...]]]
"""Role -> (action, resource), with the context of the request if it matters."""

# Allowed in any context.
ALLOWED: Table = {
    "InferenceApiRole": [
        ("s3:PutObject", "uploads/api/image"),
        ("s3:GetObject", "results/api/image.json"),
        ("logs:PutLogEvents", "api logs"),
    ],
    "InferenceWorkerRole": [
        ("sqs:ReceiveMessage", "queue"),
        ("sqs:DeleteMessage", "queue"),
        ("s3:GetObject", "uploads/ward 3/image.png"),
        ("s3:GetObjectVersion", "uploads/ward 3/image.png"),
        ("s3:ListBucket", "uploads"),
        ("s3:PutObject", "results/ward 3/image.png.json"),
        ("s3:GetObject", "results/ward 3/image.png.json"),
        ("logs:PutLogEvents", "worker logs"),
    ],
    "ReleaseApiCheckRole": [
        ("lambda:InvokeFunction", "api:7"),
        ("lambda:GetFunctionConfiguration", "api:7"),
        ("logs:PutLogEvents", "api check logs"),
    ],
    "ReleaseWorkerCheckRole": [
        ("lambda:InvokeFunction", "worker:7"),
        ("lambda:GetFunctionConfiguration", "worker:7"),
        ("logs:PutLogEvents", "worker check logs"),
    ],
    "ReleaseRole": [
        ("lambda:UpdateAlias", "api"),
        ("lambda:UpdateAlias", "worker:live"),
        ("lambda:GetAlias", "api:live"),
        ("lambda:InvokeFunction", "api check"),
        ("lambda:InvokeFunction", "worker check"),
        ("cloudwatch:DescribeAlarms", "arn:aws:cloudwatch:REGION:ACCOUNT:alarm:*"),
    ],
    "UploadsNotificationsRole": [
        ("s3:PutBucketNotification", "uploads"),
        ("logs:PutLogEvents", "notification logs"),
    ],
}

# Allowed in some contexts, and a role that only this stack has.
ALLOWED_IN_CONTEXT: Table = {
    "InferenceApiRole": [
        ("kms:GenerateDataKey", "data key", S3),
        ("kms:Decrypt", "data key", S3),
        ("kms:Decrypt", "data key", SECRETS),
        ("secretsmanager:GetSecretValue", "token", {}),
        ("ec2:CreateNetworkInterface", "*", {}),
        ("xray:PutTraceSegments", "*", {}),
    ],
    "InferenceWorkerRole": [
        ("kms:GenerateDataKey", "data key", S3),
        ("kms:Decrypt", "data key", S3),
        ("kms:Decrypt", "queue key", {}),
        ("events:PutEvents", "arn:aws:events:REGION:ACCOUNT:event-bus/default", {}),
        ("ec2:DeleteNetworkInterface", "*", {}),
        ("xray:PutTraceSegments", "*", {}),
    ],
    "NetworkFlowLogsRole": [("logs:PutLogEvents", "flow logs", {})],
}

# Denied in any context.
DENIED: Table = {
    "InferenceApiRole": [
        ("s3:PutObject", "uploads/ward 3/image.png"),
        ("s3:GetObject", "uploads/api/image"),
        ("s3:GetObject", "results/ward 3/image.png.json"),
        ("s3:PutObject", "results/api/image.json"),
        ("s3:ListBucket", "uploads"),
        ("s3:ListBucket", "results"),
        ("sqs:ReceiveMessage", "queue"),
        ("sqs:SendMessage", "queue"),
        ("logs:PutLogEvents", "worker logs"),
        ("lambda:InvokeFunction", "worker"),
        ("lambda:UpdateAlias", "api"),
        ("sns:Publish", "topic"),
    ],
    "InferenceWorkerRole": [
        ("s3:PutObject", "uploads/image.png"),
        ("s3:DeleteObject", "uploads/image.png"),
        ("s3:DeleteObjectVersion", "uploads/image.png"),
        ("s3:DeleteObject", "results/image.png.json"),
        *(("s3:PutObject", f"results/{prefix}march/summary.json") for prefix in RESERVED_PREFIXES),
        ("s3:BypassGovernanceRetention", "results/image.png.json"),
        ("s3:PutObjectRetention", "results/image.png.json"),
        ("s3:ListBucket", "results"),
        ("sqs:SendMessage", "queue"),
        ("sqs:ReceiveMessage", "dead letters"),
        ("logs:PutLogEvents", "api logs"),
        ("lambda:InvokeFunction", "api"),
        ("lambda:UpdateAlias", "worker"),
        ("sns:Publish", "topic"),
    ],
    "ReleaseApiCheckRole": [
        ("lambda:InvokeFunction", "worker:7"),
        ("lambda:InvokeFunction", "api"),
        ("lambda:UpdateAlias", "api"),
        ("lambda:UpdateFunctionCode", "api"),
        ("s3:GetObject", "uploads/image.png"),
        ("s3:GetObject", "results/image.png.json"),
        ("codedeploy:CreateDeployment", "*"),
    ],
    "ReleaseWorkerCheckRole": [
        ("lambda:InvokeFunction", "api:7"),
        ("lambda:UpdateAlias", "worker"),
        ("s3:GetObject", "uploads/image.png"),
        ("sqs:ReceiveMessage", "queue"),
        ("codedeploy:CreateDeployment", "*"),
    ],
    "ReleaseRole": [
        ("lambda:UpdateFunctionCode", "api"),
        ("lambda:InvokeFunction", "api"),
        ("lambda:InvokeFunction", "worker:live"),
        ("lambda:UpdateAlias", "arn:aws:lambda:REGION:ACCOUNT:function:another"),
        ("cloudwatch:DeleteAlarms", "arn:aws:cloudwatch:REGION:ACCOUNT:alarm:*"),
        ("s3:GetObject", "uploads/image.png"),
        ("sns:Publish", "topic"),
    ],
    "UploadsNotificationsRole": [
        ("s3:PutBucketNotification", "results"),
        ("s3:GetObject", "uploads/image.png"),
        ("s3:PutBucketPolicy", "uploads"),
        ("logs:PutLogEvents", "api logs"),
    ],
}

# Denied in these contexts: the keys are only for the role's work with its data.
DENIED_IN_CONTEXT: Table = {
    "InferenceApiRole": [
        ("kms:Decrypt", "data key", {}),
        ("kms:Decrypt", "data key", {"kms__ViaService": "sqs.REGION.amazonaws.com"}),
        ("kms:Decrypt", "queue key", S3),
        ("kms:Decrypt", "operations key", S3),
        ("kms:ScheduleKeyDeletion", "data key", S3),
        ("secretsmanager:PutSecretValue", "token", {}),
        ("ec2:CreateNetworkInterface", "*", BY_ITS_CODE),
        ("s3:GetObject", "access logs/uploads/2026", {}),
    ],
    "InferenceWorkerRole": [
        ("kms:Decrypt", "data key", {}),
        ("kms:Decrypt", "data key", SECRETS),
        ("kms:Encrypt", "queue key", {}),
        ("kms:Decrypt", "operations key", S3),
        ("kms:DisableKey", "data key", S3),
        ("secretsmanager:GetSecretValue", "token", {}),
        ("events:PutEvents", "arn:aws:events:REGION:ACCOUNT:event-bus/another", {}),
        ("ec2:DeleteNetworkInterface", "*", BY_ITS_CODE),
        ("s3:GetObject", "access logs/uploads/2026", {}),
    ],
    "ReleaseApiCheckRole": [("kms:Decrypt", "data key", S3), ("secretsmanager:GetSecretValue", "token", {})],
    "ReleaseWorkerCheckRole": [("kms:Decrypt", "data key", S3), ("kms:Decrypt", "queue key", {})],
    "ReleaseRole": [("kms:Decrypt", "data key", S3)],
    "UploadsNotificationsRole": [("kms:Decrypt", "data key", S3), ("kms:Decrypt", "queue key", {})],
    "NetworkFlowLogsRole": [("logs:PutLogEvents", "api logs", {}), ("s3:GetObject", "uploads/image.png", {})],
}


def rows(table: Table) -> list[tuple[Any, ...]]:
    return [(role, *row) for role, entries in table.items() for row in entries]


@pytest.fixture(scope="module")
def regulated(synthesise: Synthesise) -> Synthesised:
    return synthesise(**REGULATED)


@pytest.mark.parametrize(("role", "action", "resource"), rows(ALLOWED))
def test_role_can(regulated: Synthesised, role: str, action: str, resource: str) -> None:
    assert allowed(regulated, role, action, resource)


@pytest.mark.parametrize(("role", "action", "resource"), rows(DENIED))
def test_role_cannot(regulated: Synthesised, role: str, action: str, resource: str) -> None:
    # With a context that would satisfy the conditions of allowing statements.
    assert not allowed(regulated, role, action, resource, **S3)
    assert not allowed(regulated, role, action, resource)


@pytest.mark.parametrize(("role", "action", "resource", "context"), rows(ALLOWED_IN_CONTEXT))
def test_role_can_in_this_context(
    regulated: Synthesised, role: str, action: str, resource: str, context: dict[str, str]
) -> None:
    assert allowed(regulated, role, action, resource, **context)


@pytest.mark.parametrize(("role", "action", "resource", "context"), rows(DENIED_IN_CONTEXT))
def test_role_cannot_in_this_context(
    regulated: Synthesised, role: str, action: str, resource: str, context: dict[str, str]
) -> None:
    assert not allowed(regulated, role, action, resource, **context)


def test_every_role_is_in_the_tables(regulated: Synthesised) -> None:
    for table in (ALLOWED | ALLOWED_IN_CONTEXT, DENIED_IN_CONTEXT):
        assert {regulated.one(ROLE, name)[0] for name in table} == set(regulated.resources(ROLE))


@pytest.mark.parametrize(
    ("key", "service", "action", "context", "may"),
    [
        ("queue key", "s3.amazonaws.com", "kms:GenerateDataKey", {"bucket": "uploads", "account": "ACCOUNT"}, True),
        ("queue key", "s3.amazonaws.com", "kms:Decrypt", {"bucket": "uploads", "account": "ACCOUNT"}, True),
        ("queue key", "s3.amazonaws.com", "kms:GenerateDataKey", {"bucket": "results", "account": "ACCOUNT"}, False),
        ("queue key", "s3.amazonaws.com", "kms:GenerateDataKey", {"bucket": "uploads", "account": "OTHER"}, False),
        ("queue key", "s3.amazonaws.com", "kms:GenerateDataKey", {}, False),
        ("data key", "s3.amazonaws.com", "kms:GenerateDataKey", {}, False),
        ("operations key", "s3.amazonaws.com", "kms:GenerateDataKey", {}, False),
        ("operations key", "cloudwatch.amazonaws.com", "kms:GenerateDataKey", {}, True),
        ("operations key", "cloudwatch.amazonaws.com", "kms:Decrypt", {}, True),
        ("data key", "cloudwatch.amazonaws.com", "kms:Decrypt", {}, False),
        (
            "operations key",
            "logs.REGION.amazonaws.com",
            "kms:Encrypt",
            "PneumoniaInference-InferenceApiLogs-1A2B",
            True,
        ),
        ("operations key", "logs.REGION.amazonaws.com", "kms:Encrypt", "/aws/lambda/another", False),
        ("data key", "logs.REGION.amazonaws.com", "kms:Decrypt", "PneumoniaInference-InferenceApiLogs-1A2B", False),
    ],
)
def test_a_key_allows_only_the_services_that_need_it(
    regulated: Synthesised, key: str, service: str, action: str, context: dict[str, str] | str, may: bool
) -> None:
    if isinstance(context, str):
        context = {"kms__EncryptionContext__aws__logs__arn": f"arn:aws:logs:REGION:ACCOUNT:log-group:{context}"}
    elif context:
        context = {"aws__SourceArn": arn(regulated, context["bucket"]), "aws__SourceAccount": context["account"]}
    assert key_allows(regulated, key, service, action, **context) is may
