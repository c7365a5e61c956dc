"""Buckets, queues, and their connections."""

import pytest

from tests.infra.conftest import Json, Synthesise, Synthesised

BUCKET = "AWS::S3::Bucket"
QUEUE = "AWS::SQS::Queue"
NOTIFICATIONS = "Custom::S3BucketNotifications"


def arn(logical_id: str) -> Json:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def lifecycle(stack: Synthesised, name: str) -> dict[str, Json]:
    _, bucket = stack.one(BUCKET, name)
    return {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}


def test_there_are_two_buckets_and_two_queues(stack: Synthesised) -> None:
    assert len(stack.resources(BUCKET)) == 2
    assert len(stack.resources(QUEUE)) == 2


@pytest.mark.parametrize("name", ["UploadBucket", "ResultBucket"])
def test_bucket_is_private_and_encrypted(stack: Synthesised, name: str) -> None:
    _, bucket = stack.one(BUCKET, name)
    assert bucket["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


@pytest.mark.parametrize("name", ["UploadBucket", "ResultBucket"])
def test_bucket_requires_tls_and_its_policy_grants_nothing(stack: Synthesised, name: str) -> None:
    bucket_id, _ = stack.one(BUCKET, name)
    _, policy = stack.one("AWS::S3::BucketPolicy", name)
    assert policy["Bucket"] == {"Ref": bucket_id}
    found = policy["PolicyDocument"]["Statement"]
    everything = [arn(bucket_id), {"Fn::Join": ["", [arn(bucket_id), "/*"]]}]
    for statement in found:
        assert statement["Effect"] == "Deny"
        assert statement["Principal"] == {"AWS": "*"}
        assert statement["Action"] == "s3:*"
        assert statement["Resource"] == everything
    assert [statement["Condition"] for statement in found] == [
        {"Bool": {"aws:SecureTransport": "false"}},
        {"NumericLessThan": {"s3:TlsVersion": 1.2}},
    ]


def test_uploads_are_versioned(stack: Synthesised) -> None:
    _, bucket = stack.one(BUCKET, "UploadBucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_uploads_and_results_expire(synthesise: Synthesise) -> None:
    stack = synthesise(upload_expiry_days=7, result_expiry_days=400)
    for name, days in (("UploadBucket", 7), ("ResultBucket", 400)):
        rules = lifecycle(stack, name)
        assert all(rule["Status"] == "Enabled" for rule in rules.values())
        assert rules["Expiry"]["ExpirationInDays"] == days
        assert rules["AbandonedMultipartUploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_replaced_uploads_expire_after_the_dead_letters(stack: Synthesised) -> None:
    rule = lifecycle(stack, "UploadBucket")["OldVersions"]
    _, dead_letters = stack.one(QUEUE, "DeadLetterQueue")
    days = rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
    assert days * 86_400 > dead_letters["MessageRetentionPeriod"]
    assert rule["ExpiredObjectDeleteMarker"] is True


def test_without_an_expiry_current_versions_are_kept(synthesise: Synthesise) -> None:
    stack = synthesise(upload_expiry_days=None, result_expiry_days=None)
    assert sorted(lifecycle(stack, "UploadBucket")) == ["AbandonedMultipartUploads", "OldVersions"]
    assert sorted(lifecycle(stack, "ResultBucket")) == ["AbandonedMultipartUploads"]


def test_data_and_logs_are_kept_by_default(stack: Synthesised) -> None:
    kept = {**stack.resources(BUCKET), **stack.resources("AWS::Logs::LogGroup")}
    # Except on create: resources of a failed first deployment belong to no stack, and are empty.
    assert {resource["DeletionPolicy"] for resource in kept.values()} == {"RetainExceptOnCreate"}
    assert {resource["UpdateReplacePolicy"] for resource in kept.values()} == {"Retain"}
    assert stack.resources("Custom::S3AutoDeleteObjects") == {}


def test_data_and_logs_are_deleted_with_the_stack_by_setting(synthesise: Synthesise) -> None:
    stack = synthesise(retain_data=False)
    gone = {**stack.resources(BUCKET), **stack.resources("AWS::Logs::LogGroup")}
    assert {resource["DeletionPolicy"] for resource in gone.values()} == {"Delete"}
    emptied = [
        item["Properties"]["BucketName"]["Ref"] for item in stack.resources("Custom::S3AutoDeleteObjects").values()
    ]
    assert sorted(emptied) == sorted(stack.resources(BUCKET))


@pytest.mark.parametrize("name", ["UploadsQueue", "DeadLetterQueue"])
def test_queue_is_encrypted_and_for_tls_only(stack: Synthesised, name: str) -> None:
    queue_id, queue = stack.one(QUEUE, name)
    assert queue["SqsManagedSseEnabled"] is True
    _, policy = stack.one("AWS::SQS::QueuePolicy", name)
    assert policy["Queues"] == [{"Ref": queue_id}]
    assert {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "sqs:*",
        "Resource": arn(queue_id),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    } in policy["PolicyDocument"]["Statement"]


def allowed(stack: Synthesised, policy_id: str) -> list[Json]:
    """Return the Allow statements of a queue policy."""
    _, policy = stack.one("AWS::SQS::QueuePolicy", policy_id)
    return [entry for entry in policy["PolicyDocument"]["Statement"] if entry["Effect"] == "Allow"]


def test_only_the_upload_bucket_may_send(stack: Synthesised) -> None:
    queue_id, _ = stack.one(QUEUE, "UploadsQueue")
    bucket_id, _ = stack.one(BUCKET, "UploadBucket")
    assert allowed(stack, "DeadLetterQueue") == []
    (entry,) = allowed(stack, "UploadsQueue")
    assert entry["Principal"] == {"Service": "s3.amazonaws.com"}
    assert entry["Condition"] == {
        "ArnLike": {"aws:SourceArn": arn(bucket_id)},
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
    }
    assert entry["Resource"] == arn(queue_id)
    assert "sqs:SendMessage" in entry["Action"]


def test_messages_move_to_the_dead_letter_queue_after_five_receives(stack: Synthesised) -> None:
    _, queue = stack.one(QUEUE, "UploadsQueue")
    dead_letter_id, dead_letters = stack.one(QUEUE, "DeadLetterQueue")
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": arn(dead_letter_id), "maxReceiveCount": 5}
    assert dead_letters["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


@pytest.mark.parametrize("timeout", [60, 120, 900])
def test_messages_stay_hidden_for_six_times_the_worker_timeout(synthesise: Synthesise, timeout: int) -> None:
    stack = synthesise(worker_timeout_seconds=timeout)
    _, queue = stack.one(QUEUE, "UploadsQueue")
    _, worker = stack.one("AWS::Lambda::Function", "InferenceWorker")
    assert worker["Timeout"] == timeout
    assert queue["VisibilityTimeout"] >= 6 * timeout


def test_every_created_upload_goes_to_the_queue_and_no_result_does(stack: Synthesised) -> None:
    queue_id, _ = stack.one(QUEUE, "UploadsQueue")
    bucket_id, _ = stack.one(BUCKET, "UploadBucket")
    # The stack has one notification resource, and no bucket has a notification property.
    _, notifications = stack.one(NOTIFICATIONS, "")
    assert notifications["BucketName"] == {"Ref": bucket_id}
    assert notifications["NotificationConfiguration"] == {
        "QueueConfigurations": [{"Events": ["s3:ObjectCreated:*"], "QueueArn": arn(queue_id)}]
    }
    for bucket in stack.resources(BUCKET).values():
        assert "NotificationConfiguration" not in bucket["Properties"]


def test_notification_depends_on_its_permissions(stack: Synthesised) -> None:
    (notification,) = stack.resources(NOTIFICATIONS).values()
    queue_policy_id, _ = stack.one("AWS::SQS::QueuePolicy", "UploadsQueue")
    role_policy_id, _ = stack.one("AWS::IAM::Policy", "UploadsNotificationsRole")
    assert {queue_policy_id, role_policy_id} <= set(notification["DependsOn"])


def test_worker_gets_batches_and_reports_partial_failures(stack: Synthesised) -> None:
    queue_id, _ = stack.one(QUEUE, "UploadsQueue")
    live_id, _ = stack.one("AWS::Lambda::Alias", "InferenceWorkerLive")
    _, source = stack.one("AWS::Lambda::EventSourceMapping", "")
    assert source == {
        "EventSourceArn": arn(queue_id),
        # "<function>:live", from the alias's ARN.
        "FunctionName": {"Fn::Join": ["", [{"Fn::Select": [6, {"Fn::Split": [":", {"Ref": live_id}]}]}, ":live"]]},
        "BatchSize": 5,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 5},
    }


def test_batch_and_concurrency_follow_the_settings(synthesise: Synthesise) -> None:
    _, source = synthesise(batch_size=10, worker_max_concurrency=2).one("AWS::Lambda::EventSourceMapping", "")
    assert source["BatchSize"] == 10
    assert source["ScalingConfig"] == {"MaximumConcurrency": 2}


def test_by_default_no_bucket_has_a_lock_or_access_logs(stack: Synthesised) -> None:
    for bucket in stack.resources(BUCKET).values():
        assert not {"ObjectLockEnabled", "ObjectLockConfiguration", "LoggingConfiguration"} & set(bucket["Properties"])


def test_results_can_be_locked_and_uploads_are_not(synthesise: Synthesise) -> None:
    stack = synthesise(result_lock_days=200)
    _, results = stack.one(BUCKET, "ResultBucket")
    assert results["ObjectLockEnabled"] is True
    assert results["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 200}},
    }
    # A lock applies to versions, and superseded versions expire after their lock ends.
    assert results["VersioningConfiguration"] == {"Status": "Enabled"}
    assert lifecycle(stack, "ResultBucket")["OldVersions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 15}
    assert "ObjectLockEnabled" not in stack.one(BUCKET, "UploadBucket")[1]


def test_s3_can_log_who_reads_and_writes(synthesise: Synthesise) -> None:
    stack = synthesise(access_log_days=400)
    logs_id, logs = stack.one(BUCKET, "AccessLogs")
    for name, prefix in (("UploadBucket", "uploads/"), ("ResultBucket", "results/")):
        _, bucket = stack.one(BUCKET, name)
        assert bucket["LoggingConfiguration"] == {"DestinationBucketName": {"Ref": logs_id}, "LogFilePrefix": prefix}
    assert lifecycle(stack, "AccessLogs")["Expiry"]["ExpirationInDays"] == 400
    assert all(logs["PublicAccessBlockConfiguration"].values())
    assert "LoggingConfiguration" not in logs
    _, policy = stack.one("AWS::S3::BucketPolicy", "AccessLogs")
    allowed = [entry for entry in policy["PolicyDocument"]["Statement"] if entry["Effect"] == "Allow"]
    assert {entry["Principal"]["Service"] for entry in allowed} == {"logging.s3.amazonaws.com"}
    assert {entry["Action"] for entry in allowed} == {"s3:PutObject"}
    assert all("aws:SourceAccount" in entry["Condition"]["StringEquals"] for entry in allowed)
