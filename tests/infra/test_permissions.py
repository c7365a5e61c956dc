"""Every grant of each role in the default stack. A grant that is not listed here fails the test."""

import pytest

from infra.uploads import FEEDBACK_PREFIX, RESERVED_PREFIXES
from pneumonia.uploads.ids import KEY_PREFIX
from pneumonia.uploads.names import RESERVED
from tests.infra.conftest import Json, Synthesise, Synthesised
from tests.infra.iam import ROLE, as_list, grants

SECRET = "AWS::SecretsManager::Secret"
UPLOAD, RESULT = "UploadBucket", "ResultBucket"


@pytest.mark.parametrize("auth", ["iam", "token", "none"])
def test_api_has_nothing_beyond_its_job(synthesise: Synthesise, auth: str) -> None:
    stack = synthesise(auth=auth)
    group_id, _ = stack.one("AWS::Logs::LogGroup", "InferenceApiLogs")
    upload_id, _ = stack.one("AWS::S3::Bucket", UPLOAD)
    result_id, _ = stack.one("AWS::S3::Bucket", RESULT)
    secrets = [("secretsmanager:GetSecretValue", f"arn:{name}") for name in stack.resources(SECRET)]
    assert len(secrets) == (auth == "token")
    assert grants(stack, "InferenceApiRole") == {
        ("logs:CreateLogStream", f"arn:{group_id}"),
        ("logs:PutLogEvents", f"arn:{group_id}"),
        ("s3:PutObject", f"arn:{upload_id}/{KEY_PREFIX}*"),
        ("s3:GetObject", f"arn:{result_id}/{KEY_PREFIX}*"),
        *secrets,
    }


def test_worker_has_nothing_beyond_its_job(stack: Synthesised) -> None:
    group_id, _ = stack.one("AWS::Logs::LogGroup", "InferenceWorkerLogs")
    queue_id, _ = stack.one("AWS::SQS::Queue", "UploadsQueue")
    upload_id, _ = stack.one("AWS::S3::Bucket", UPLOAD)
    result_id, _ = stack.one("AWS::S3::Bucket", RESULT)
    assert grants(stack, "InferenceWorkerRole") == {
        ("logs:CreateLogStream", f"arn:{group_id}"),
        ("logs:PutLogEvents", f"arn:{group_id}"),
        ("sqs:ChangeMessageVisibility", f"arn:{queue_id}"),
        ("sqs:DeleteMessage", f"arn:{queue_id}"),
        ("sqs:GetQueueAttributes", f"arn:{queue_id}"),
        ("sqs:GetQueueUrl", f"arn:{queue_id}"),
        ("sqs:ReceiveMessage", f"arn:{queue_id}"),
        ("s3:GetObject", f"arn:{upload_id}/*"),
        ("s3:GetObjectVersion", f"arn:{upload_id}/*"),
        ("s3:ListBucket", f"arn:{upload_id}"),
        ("s3:PutObject", f"arn:{result_id}/*"),
        ("s3:GetObject", f"arn:{result_id}/*"),
    }
    assert grants(stack, "InferenceWorkerRole", "Deny") == {
        ("s3:PutObject", f"arn:{result_id}/{prefix}*") for prefix in RESERVED_PREFIXES
    }
    assert {*RESERVED_PREFIXES, FEEDBACK_PREFIX} == set(RESERVED)


def test_only_the_api_stores_feedback(synthesise: Synthesise, stack: Synthesised) -> None:
    result_id, _ = stack.one("AWS::S3::Bucket", RESULT)
    told = synthesise(feedback=True)
    more = grants(told, "InferenceApiRole") - grants(stack, "InferenceApiRole")
    assert more == {("s3:PutObject", f"arn:{result_id}/feedback/api/*")}
    assert grants(told, "InferenceWorkerRole", "Deny") == {
        ("s3:PutObject", f"arn:{result_id}/{prefix}*") for prefix in RESERVED
    }
    assert grants(told, "InferenceWorkerRole") == grants(stack, "InferenceWorkerRole")


@pytest.mark.parametrize("role", ["InferenceApiRole", "ReleaseRole", "ReleaseApiCheckRole", "UploadsNotificationsRole"])
def test_other_roles_have_no_deny_statements(stack: Synthesised, role: str) -> None:
    assert grants(stack, role, "Deny") == set()


@pytest.mark.parametrize("bus", ["default", "films/chest"])
def test_worker_may_only_send_events_to_its_bus(synthesise: Synthesise, stack: Synthesised, bus: str) -> None:
    more = grants(synthesise(event_bus=bus), "InferenceWorkerRole") - grants(stack, "InferenceWorkerRole")
    here = "arn:aws:events:REGION:ACCOUNT"
    assert more == {("events:PutEvents", f"{here}:event-bus/{bus}")}


def test_notification_handler_may_only_set_notifications_of_the_upload_bucket(stack: Synthesised) -> None:
    group_id, _ = stack.one("AWS::Logs::LogGroup", "UploadsNotificationsLogs")
    upload_id, _ = stack.one("AWS::S3::Bucket", UPLOAD)
    assert grants(stack, "UploadsNotificationsRole") == {
        ("logs:CreateLogStream", f"arn:{group_id}"),
        ("logs:PutLogEvents", f"arn:{group_id}"),
        ("s3:PutBucketNotification", f"arn:{upload_id}"),
    }


@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_check_of_a_release_may_call_versions_of_its_function_and_report(stack: Synthesised, name: str) -> None:
    group_id, _ = stack.one("AWS::Logs::LogGroup", f"Release{name}CheckLogs")
    function_id, _ = stack.one("AWS::Lambda::Function", f"Inference{name}")
    application_id, _ = stack.one("AWS::CodeDeploy::Application", "")
    deployment_group_id, _ = stack.one("AWS::CodeDeploy::DeploymentGroup", f"Release{name}")
    deployments = f"deploymentgroup:{{{application_id}}}/{{{deployment_group_id}}}"
    assert grants(stack, f"Release{name}CheckRole") == {
        ("logs:CreateLogStream", f"arn:{group_id}"),
        ("logs:PutLogEvents", f"arn:{group_id}"),
        ("lambda:GetFunctionConfiguration", f"arn:{function_id}:*"),
        ("lambda:InvokeFunction", f"arn:{function_id}:*"),
        ("codedeploy:PutLifecycleEventHookExecutionStatus", f"arn:aws:codedeploy:REGION:ACCOUNT:{deployments}"),
    }


def test_codedeploy_may_move_the_two_aliases_and_call_the_checks(stack: Synthesised) -> None:
    functions = [stack.one("AWS::Lambda::Function", f"Inference{name}")[0] for name in ("Api", "Worker")]
    checks = [stack.one("AWS::Lambda::Function", f"Release{name}Check")[0] for name in ("Api", "Worker")]
    moves = ("lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig")
    assert grants(stack, "ReleaseRole") == {
        *((action, f"arn:{function}{alias}") for action in moves for function in functions for alias in ("", ":live")),
        *(("lambda:InvokeFunction", f"arn:{check}") for check in checks),
        ("cloudwatch:DescribeAlarms", "arn:aws:cloudwatch:REGION:ACCOUNT:alarm:*"),
    }


def test_there_are_no_other_roles_and_each_trusts_one_service(stack: Synthesised) -> None:
    roles = stack.resources(ROLE)
    assert len(roles) == 6
    for name, role in roles.items():
        (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        service = "codedeploy" if name.startswith("ReleaseRole") else "lambda"
        assert trust["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert trust["Action"] == "sts:AssumeRole"


@pytest.mark.parametrize("overrides", [{}, {"auth": "none"}, {"auth": "token"}, {"alarm_email": "ops@example.org"}])
def test_no_policy_allows_every_action_or_every_resource(synthesise: Synthesise, overrides: Json) -> None:
    stack = synthesise(**overrides)
    policies = [
        resource["Properties"]["PolicyDocument"]
        for resource in stack.template["Resources"].values()
        if "PolicyDocument" in resource["Properties"]
    ]
    # Six roles, two buckets, two queues, one topic.
    assert len(policies) == 11
    for statement in (entry for policy in policies for entry in policy["Statement"]):
        if statement["Effect"] == "Allow":
            assert "*" not in as_list(statement["Resource"])
            assert not [action for action in as_list(statement["Action"]) if "*" in action]
            assert statement.get("Principal") not in ("*", {"AWS": "*"})
