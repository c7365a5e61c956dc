"""Customer-managed keys: what they encrypt, and which AWS services may use them."""

import re

import pytest

from tests.infra.conftest import ROOT, Json, Synthesise, Synthesised

KEY = "AWS::KMS::Key"


@pytest.fixture(scope="module")
def keyed(synthesise: Synthesise) -> Synthesised:
    return synthesise(customer_keys=True, auth="token", access_log_days=30)


def arn(stack: Synthesised, part_of_id: str) -> Json:
    return {"Fn::GetAtt": [stack.one(KEY, part_of_id)[0], "Arn"]}


def statement(stack: Synthesised, part_of_id: str, service: str) -> tuple[set[str], list[Json | None]]:
    """Return the actions that a key's own policy allows a service, and the conditions."""
    _, key = stack.one(KEY, part_of_id)
    found = [
        entry
        for entry in key["KeyPolicy"]["Statement"]
        if service in str(entry["Principal"].get("Service")) and entry["Effect"] == "Allow"
    ]
    return {action for entry in found for action in entry["Action"]}, [entry.get("Condition") for entry in found]


def test_by_default_there_is_no_key(stack: Synthesised) -> None:
    assert stack.resources(KEY) == {}
    assert "kms" not in str(stack.template).lower().replace("kms_key", "")


def test_keys_are_rotated_and_stay_with_the_data(keyed: Synthesised, synthesise: Synthesise) -> None:
    assert len(keyed.resources(KEY)) == 3
    for key in keyed.resources(KEY).values():
        assert key["Properties"]["EnableKeyRotation"] is True
        assert key["DeletionPolicy"] == "RetainExceptOnCreate"
    gone = synthesise(customer_keys=True, retain_data=False).resources(KEY).values()
    assert {key["DeletionPolicy"] for key in gone} == {"Delete"}


@pytest.mark.parametrize("name", ["UploadBucket", "ResultBucket"])
def test_objects_are_encrypted_with_the_data_key(keyed: Synthesised, name: str) -> None:
    _, bucket = keyed.one("AWS::S3::Bucket", name)
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {
        "BucketKeyEnabled": True,
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn(keyed, "DataKey")},
    }


def test_access_logs_are_encrypted_with_the_key_of_s3(keyed: Synthesised) -> None:
    _, bucket = keyed.one("AWS::S3::Bucket", "AccessLogs")
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_token_is_encrypted_with_the_data_key(keyed: Synthesised) -> None:
    assert keyed.one("AWS::SecretsManager::Secret", "")[1]["KmsKeyId"] == arn(keyed, "DataKey")


@pytest.mark.parametrize("name", ["UploadsQueue", "DeadLetterQueue"])
def test_messages_are_encrypted_with_the_key_of_the_queues(keyed: Synthesised, name: str) -> None:
    _, queue = keyed.one("AWS::SQS::Queue", name)
    assert queue["KmsMasterKeyId"] == arn(keyed, "QueueKey")
    assert "SqsManagedSseEnabled" not in queue


def test_s3_can_send_events_to_the_encrypted_queue(keyed: Synthesised) -> None:
    actions, conditions = statement(keyed, "QueueKey", "s3.amazonaws.com")
    assert actions == {"kms:GenerateDataKey*", "kms:Decrypt"}
    upload_id, _ = keyed.one("AWS::S3::Bucket", "UploadBucket")
    # Only for this bucket in this account, not for other buckets that name the queue.
    assert conditions == [
        {
            "ArnLike": {"aws:SourceArn": {"Fn::GetAtt": [upload_id, "Arn"]}},
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        }
    ]


def test_every_log_group_uses_the_operations_key(keyed: Synthesised) -> None:
    groups = keyed.resources("AWS::Logs::LogGroup").values()
    assert len(groups) == 5
    for group in groups:
        assert group["Properties"]["KmsKeyId"] == arn(keyed, "OperationsKey")


def test_cloudwatch_logs_may_use_it_only_for_groups_of_this_stack(keyed: Synthesised) -> None:
    actions, conditions = statement(keyed, "OperationsKey", "logs.")
    assert actions == {"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"}
    (condition,) = conditions
    assert condition is not None
    ((key, pattern),) = condition["ArnLike"].items()
    assert key == "kms:EncryptionContext:aws:logs:arn"
    assert pattern["Fn::Join"][1][-1] == f":log-group:{keyed.settings.stack_name}-*"
    # No group has an explicit name, so CloudFormation generates one that begins with the stack's name.
    assert not [
        group for group in keyed.resources("AWS::Logs::LogGroup").values() if "LogGroupName" in group["Properties"]
    ]


def test_alarms_can_publish_to_the_encrypted_topic(keyed: Synthesised) -> None:
    _, topic = keyed.one("AWS::SNS::Topic", "")
    assert topic["KmsMasterKeyId"] == arn(keyed, "OperationsKey")
    assert statement(keyed, "OperationsKey", "cloudwatch.")[0] == {"kms:Decrypt", "kms:GenerateDataKey*"}


def test_an_output_names_the_data_key(keyed: Synthesised, stack: Synthesised) -> None:
    assert keyed.template["Outputs"]["DataKeyArn"]["Value"] == arn(keyed, "DataKey")
    assert "DataKeyArn" not in stack.template["Outputs"]


def test_an_output_names_the_key_of_the_queues(keyed: Synthesised, stack: Synthesised) -> None:
    assert keyed.template["Outputs"]["QueueKeyArn"]["Value"] == arn(keyed, "QueueKey")
    assert "QueueKeyArn" not in stack.template["Outputs"]


def test_the_page_says_what_an_upload_in_parts_needs_of_the_key() -> None:
    page = re.sub(r"\s+", " ", (ROOT / "docs" / "security.md").read_text(encoding="utf-8"))
    (row,) = re.findall(r"\| `customer_keys` \|[^|]*\|", page)
    assert "`kms:GenerateDataKey`, and for an upload in parts `kms:Decrypt` as well, on the key in" in row
    assert "`QueueKeyArn`" in row
