"""The whole path of an upload with AWS simulated by moto: bucket, notification, queue, worker, results, DLQ.

`Cloud.deliver` replaces only the event source mapping, and does the work of Lambda's poller.
"""

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from pneumonia import aws
from pneumonia.handlers import worker
from tests.conftest import REGION, RESULTS, UPLOADS, ImageBytes, stored_result

MAX_RECEIVES = 5


@dataclass
class Cloud:
    """Buckets and queues, wired as in the stack."""

    s3: Any
    sqs: Any
    queue: str
    dead_letters: str
    context: Any

    def upload(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket=UPLOADS, Key=key, Body=data)

    def receive(self, queue: str | None = None) -> list[dict[str, Any]]:
        reply = self.sqs.receive_message(
            QueueUrl=queue or self.queue,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = reply.get("Messages", [])
        return messages

    def invoke(self, messages: list[dict[str, Any]]) -> list[str]:
        """Call the handler with received messages as Lambda does. Return the ids of the failed messages."""
        event = {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "messageAttributes": {},
                    "md5OfBody": message["MD5OfBody"],
                    "eventSource": "aws:sqs",
                    "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:uploads",
                    "awsRegion": REGION,
                }
                for message in messages
            ]
        }
        answer = worker.handler(event, self.context)
        return [str(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]

    def deliver(self) -> int:
        """Drain the queue once and delete the processed messages. Return the number of failed messages."""
        messages = self.receive()
        if not messages:
            return 0
        failed = self.invoke(messages)
        for message in messages:
            if message["MessageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return len(failed)

    def result(self, key: str) -> dict[str, Any]:
        return stored_result(self.s3, key)

    def listing(self, bucket: str = RESULTS) -> list[str]:
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.fixture
def cloud(s3: Any, tiny_service: None, lambda_context: Any, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("RESULTS_BUCKET", RESULTS)
    sqs: Any = boto3.client("sqs")
    dead_letters = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
    redrive = {"deadLetterTargetArn": arn(sqs, dead_letters), "maxReceiveCount": str(MAX_RECEIVES)}
    # Without a visibility timeout, a failed message can be received again at once.
    attributes = {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "0"}
    queue = sqs.create_queue(QueueName="uploads", Attributes=attributes)["QueueUrl"]
    notification = {"QueueArn": arn(sqs, queue), "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=UPLOADS, NotificationConfiguration={"QueueConfigurations": [notification]}
    )
    return Cloud(s3, sqs, queue, dead_letters, lambda_context)


@pytest.fixture
def quiet(cloud: Cloud) -> Cloud:
    """The cloud after the test event of its configuration."""
    assert cloud.deliver() == 0
    return cloud


def arn(sqs: Any, queue: str) -> str:
    return str(sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def test_test_event_is_dropped(cloud: Cloud) -> None:
    messages = cloud.receive()
    assert [json.loads(message["Body"])["Event"] for message in messages] == ["s3:TestEvent"]
    assert cloud.invoke(messages) == []
    assert cloud.listing() == []


def test_an_upload_becomes_a_result(quiet: Cloud, image_bytes: ImageBytes) -> None:
    data = image_bytes(grey=255)
    quiet.upload("images/chest.png", data)
    assert quiet.deliver() == 0
    document = quiet.result("images/chest.png")
    assert (document["status"], document["label"]) == ("predicted", "pneumonia")
    assert document["source"]["bucket"] == UPLOADS
    assert document["source"]["etag"] == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert quiet.listing() == ["images/chest.png.heatmap.png", "images/chest.png.json"]
    assert quiet.receive() == []


@pytest.mark.parametrize(
    "key",
    [
        "a b.png",
        "Röntgen/胸部 X線.png",
        "a+b.png",
        "a/b/c//d.png",
        "100%.png",
        "a%2Fb.png",
        "q=1&r=2?#.png",
        "~'()!*.png",
    ],
)
def test_keys_of_every_kind(quiet: Cloud, image_bytes: ImageBytes, key: str) -> None:
    quiet.upload(key, image_bytes())
    assert quiet.deliver() == 0
    assert quiet.result(key)["source"]["key"] == key
    assert set(quiet.listing()) == {f"{key}.json", f"{key}.heatmap.png"}


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"text", "unsupported_format"), (b"\x89PNG\r\n\x1a\n", "undecodable_image"), (b"", "missing_image")],
)
def test_a_bad_image_is_a_rejected_result(quiet: Cloud, data: bytes, code: str) -> None:
    quiet.upload("bad.png", data)
    assert quiet.deliver() == 0
    assert (quiet.result("bad.png")["status"], quiet.result("bad.png")["code"]) == ("rejected", code)
    assert quiet.receive(quiet.dead_letters) == []


def test_a_multipart_upload(quiet: Cloud, image_bytes: ImageBytes) -> None:
    upload_id = quiet.s3.create_multipart_upload(Bucket=UPLOADS, Key="big.png")["UploadId"]
    part = quiet.s3.upload_part(Bucket=UPLOADS, Key="big.png", UploadId=upload_id, PartNumber=1, Body=image_bytes())
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    quiet.s3.complete_multipart_upload(Bucket=UPLOADS, Key="big.png", UploadId=upload_id, MultipartUpload=parts)
    assert quiet.deliver() == 0
    assert quiet.result("big.png")["status"] == "predicted"


def test_a_copy(quiet: Cloud, image_bytes: ImageBytes) -> None:
    quiet.s3.put_object(Bucket=RESULTS, Key="elsewhere.png", Body=image_bytes())
    quiet.s3.copy_object(Bucket=UPLOADS, Key="copy.png", CopySource={"Bucket": RESULTS, "Key": "elsewhere.png"})
    assert quiet.deliver() == 0
    assert quiet.result("copy.png")["status"] == "predicted"


def test_a_duplicate_delivery_writes_one_result(quiet: Cloud, image_bytes: ImageBytes) -> None:
    quiet.upload("a.png", image_bytes())
    messages = quiet.receive()
    assert quiet.invoke(messages) == []
    before = quiet.s3.head_object(Bucket=RESULTS, Key="a.png.json")
    assert quiet.invoke(messages) == []
    after = quiet.s3.head_object(Bucket=RESULTS, Key="a.png.json")
    assert (before["ETag"], before["LastModified"]) == (after["ETag"], after["LastModified"])


def recorded(message: dict[str, Any], sequencer: str, version: str) -> dict[str, Any]:
    """Return a message of moto with the two fields of real S3 that moto omits."""
    body = json.loads(message["Body"])
    body["Records"][0]["s3"]["object"] |= {"sequencer": sequencer, "versionId": version}
    return message | {"Body": json.dumps(body)}


@pytest.mark.parametrize("newest_first", [True, False])
def test_the_newest_event_wins_in_any_order(quiet: Cloud, image_bytes: ImageBytes, newest_first: bool) -> None:
    messages = []
    for grey, sequencer in ((255, "0055AED6DCD90281E5"), (0, "0055AED6DCD90281E6")):
        version = quiet.s3.put_object(Bucket=UPLOADS, Key="a.png", Body=image_bytes(grey=grey))["VersionId"]
        message = quiet.receive()[0]
        quiet.sqs.delete_message(QueueUrl=quiet.queue, ReceiptHandle=message["ReceiptHandle"])
        messages.append(recorded(message, sequencer, version))
    if newest_first:
        messages.reverse()
    for message in messages:
        assert quiet.invoke([message]) == []
    document = quiet.result("a.png")
    assert (document["label"], document["source"]["sequencer"]) == ("normal", "0055AED6DCD90281E6")


def test_two_uploads_of_one_key_without_sequencers(quiet: Cloud, image_bytes: ImageBytes) -> None:
    quiet.upload("a.png", image_bytes(grey=255))
    assert quiet.deliver() == 0
    time.sleep(0.005)  # moto orders events only by their time, in milliseconds
    quiet.upload("a.png", image_bytes(grey=0))
    assert quiet.deliver() == 0
    assert quiet.result("a.png")["label"] == "normal"


def test_many_uploads_in_batches(quiet: Cloud, image_bytes: ImageBytes) -> None:
    names = [f"batch/{index:02}.png" for index in range(25)]
    for index, name in enumerate(names):
        quiet.upload(name, image_bytes(grey=index * 10))
    for _ in range(5):
        assert quiet.deliver() == 0
    assert {key for key in quiet.listing() if key.endswith(".json")} == {f"{name}.json" for name in names}


def test_results_fire_no_events(quiet: Cloud, image_bytes: ImageBytes) -> None:
    quiet.upload("a.png", image_bytes())
    quiet.deliver()
    assert len(quiet.listing()) == 2
    assert quiet.receive() == []
    assert quiet.listing(UPLOADS) == ["a.png"]


def test_a_failure_of_s3_is_retried_and_succeeds(
    quiet: Cloud, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(**_arguments: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://s3.eu-central-1.amazonaws.com")

    quiet.upload("a.png", image_bytes())
    with monkeypatch.context() as patch:
        patch.setattr(aws.s3(), "get_object", down)
        assert quiet.deliver() == 1
        assert quiet.listing() == []
    assert quiet.deliver() == 0
    assert quiet.result("a.png")["status"] == "predicted"


def test_a_missing_results_bucket_ends_in_the_dead_letter_queue(quiet: Cloud, image_bytes: ImageBytes) -> None:
    quiet.s3.delete_bucket(Bucket=RESULTS)
    quiet.upload("a b.png", image_bytes())
    for _ in range(MAX_RECEIVES):
        assert quiet.deliver() == 1
    assert quiet.receive() == []
    dead = quiet.receive(quiet.dead_letters)
    assert len(dead) == 1
    record = json.loads(dead[0]["Body"])["Records"][0]
    assert unquote_plus(record["s3"]["object"]["key"]) == "a b.png"


@pytest.mark.parametrize("body", ["not json", "{}", '{"Records": [{"eventSource": "aws:s3"}]}'])
def test_a_poison_message_ends_in_the_dead_letter_queue_and_does_not_block_others(
    quiet: Cloud, image_bytes: ImageBytes, body: str
) -> None:
    quiet.sqs.send_message(QueueUrl=quiet.queue, MessageBody=body)
    quiet.upload("a.png", image_bytes())
    for _ in range(MAX_RECEIVES):
        assert quiet.deliver() == 1
    assert quiet.result("a.png")["status"] == "predicted"
    assert quiet.receive() == []
    assert [message["Body"] for message in quiet.receive(quiet.dead_letters)] == [body]
