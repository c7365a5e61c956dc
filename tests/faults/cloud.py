"""Extend the local cloud with the parts of S3 events that moto lacks, and with late, lost and repeated events."""

import functools
import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus, unquote_plus

import boto3
from moto.s3.responses import S3Response
from moto.sqs.responses import SQSResponse

from pneumonia.uploads.finished_events import DETAIL_TYPE, SOURCE
from pneumonia.uploads.results import Order
from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.names import RESULT_BUCKET, UPLOAD_BUCKET
from tests.faults.ledger import Sent, Stored
from tests.faults.plan import PLAIN, Version

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import FilterRuleTypeDef

BUS: Final = "films"
TOLD: Final = "told"
_BUFFER = 30
"""Most events in transit at one time. An event can overtake up to this many others."""

POISON: Final = (
    "not json",
    "{}",
    "[" * 20_000,
    '{"Records": [{"eventSource": "aws:s3"}]}',
    '{"Records": [{"eventSource": "aws:sns", "eventVersion": "2.1", "eventName": "ObjectCreated:Put"}]}',
    '{"Records": [{"eventSource": "aws:s3", "eventVersion": "2.1", "eventName": "ObjectCreated:Put", "s3": {}}]}',
)


def prepare(cloud: Cloud, visibility_seconds: int) -> str:
    """Prepare the local cloud, and return the URL of the queue that receives the events of finished predictions."""
    _decide_one_write_at_a_time()
    # Keep every version of every result, because the checks read all of them.
    cloud.s3.put_bucket_versioning(Bucket=RESULT_BUCKET, VersioningConfiguration={"Status": "Enabled"})
    rules: list[FilterRuleTypeDef] = [{"Name": "prefix", "Value": PLAIN}]
    cloud.s3.put_bucket_notification_configuration(
        Bucket=UPLOAD_BUCKET,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": cloud.queue_arn,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": rules}},
                }
            ]
        },
    )
    cloud.sqs.set_queue_attributes(QueueUrl=cloud.queue_url, Attributes={"VisibilityTimeout": str(visibility_seconds)})
    told = cloud.sqs.create_queue(QueueName=TOLD)["QueueUrl"]
    arn = cloud.sqs.get_queue_attributes(QueueUrl=told, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events = boto3.client("events")
    events.create_event_bus(Name=BUS)
    pattern = json.dumps({"source": [SOURCE], "detail-type": [DETAIL_TYPE]})
    events.put_rule(Name=TOLD, EventBusName=BUS, EventPattern=pattern)
    events.put_targets(Rule=TOLD, EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])
    events.close()
    return told


def _decide_one_write_at_a_time() -> None:
    """Make conditional writes atomic, as in S3. moto checks and writes in two steps, and several threads interleave."""
    for owner, names in (
        (S3Response, ("put_object",)),
        (SQSResponse, ("receive_message", "delete_message", "change_message_visibility", "get_queue_attributes")),
    ):
        lock = threading.Lock()
        for name in names:
            method = getattr(owner, name)
            if not hasattr(method, "one_at_a_time"):
                setattr(owner, name, _one_at_a_time(method, lock))


def _one_at_a_time(method: Callable[[Any], Any], lock: threading.Lock) -> Callable[[Any], Any]:

    @functools.wraps(method)
    def locked(self: Any) -> Any:
        with lock:
            return method(self)

    locked.one_at_a_time = True  # type: ignore[attr-defined]
    return locked


class Uploader:
    """Make uploads, and send their events as S3 may: late, out of order, twice."""

    def __init__(self, cloud: Cloud, seed: int) -> None:
        self._cloud = cloud
        self._chance = random.Random(f"events of {seed}")  # noqa: S311
        self._sequence = 0x0055AED6DCD90281E5
        self._under_way: list[dict[str, Any]] = []
        self._removals: list[Sent] = []
        self.duplicates = 0

    def upload(self, version: Version) -> Sent:
        """Put an object and queue its event."""
        reply = self._cloud.s3.put_object(Bucket=UPLOAD_BUCKET, Key=version.key, Body=version.data)
        self._sequence += self._chance.randrange(1, 1000)
        sequencer = None if version.plain else f"{self._sequence:018X}"
        sent = Sent(version, reply["VersionId"], reply["ETag"].strip('"'), sequencer)
        if version.removal == "before its event":
            self._remove(sent)
        elif version.removal == "at some time":
            self._removals.append(sent)
        if not version.plain:
            self._under_way.append(_record(sent))
            if self._chance.random() < 0.15:
                self.duplicates += 1
                self._under_way.append(_record(sent))
        while len(self._under_way) > _BUFFER:
            self._send()
        return sent

    def finish(self) -> None:
        """Send the remaining events."""
        while self._under_way:
            self._send()
        for sent in self._removals:
            self._remove(sent)

    def _send(self) -> None:
        count = 2 if self._chance.random() < 0.05 else 1
        self._chance.shuffle(self._under_way)
        records = [self._under_way.pop() for _ in range(min(count, len(self._under_way)))]
        self._cloud.sqs.send_message(
            QueueUrl=self._cloud.queue_url,
            MessageBody=json.dumps({"Records": records}),
            DelaySeconds=self._chance.choice((0, 0, 0, 1, 2)),
        )
        if self._removals and self._chance.random() < 0.3:
            self._remove(self._removals.pop(0))

    def _remove(self, sent: Sent) -> None:
        self._cloud.s3.delete_object(Bucket=UPLOAD_BUCKET, Key=sent.version.key, VersionId=sent.version_id)


def _record(sent: Sent) -> dict[str, Any]:
    """Return the record of an event in the form of S3 (event structure 2.1, Amazon S3 User Guide)."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        # Give the time only to the second, so that only the sequencer determines the order.
        "eventTime": datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", ".000Z"),
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": UPLOAD_BUCKET, "arn": f"arn:aws:s3:::{UPLOAD_BUCKET}"},
            "object": {
                "key": quote_plus(sent.version.key),
                "size": len(sent.version.data),
                "eTag": sent.etag,
                "versionId": sent.version_id,
                "sequencer": sent.sequencer,
            },
        },
    }


def history(cloud: Cloud) -> dict[str, list[Stored]]:
    """Return all objects that were ever written into the results bucket, by key, in the order of writing."""
    found: dict[str, list[Stored]] = {}
    for page in cloud.s3.get_paginator("list_object_versions").paginate(Bucket=RESULT_BUCKET):
        for version in reversed(page.get("Versions", [])):
            got = cloud.s3.get_object(Bucket=RESULT_BUCKET, Key=version["Key"], VersionId=version["VersionId"])
            order = Order.from_metadata(got["Metadata"])
            if order is None:  # a placeholder that the last delivery wrote and that the real result replaces
                continue
            found.setdefault(version["Key"], []).append(Stored(order, got["Body"].read()))
    return found


def dead_letters(cloud: Cloud) -> dict[str, str]:
    """Return the bodies of all messages in the dead-letter queue, by message ID. The messages stay in the queue."""
    found: dict[str, str] = {}
    handles = []
    while messages := cloud.sqs.receive_message(
        QueueUrl=cloud.dead_letter_queue_url, MaxNumberOfMessages=10, VisibilityTimeout=600
    ).get("Messages"):
        for message in messages:
            found[message["MessageId"]] = message["Body"]
            handles.append(message["ReceiptHandle"])
    for handle in handles:
        cloud.sqs.change_message_visibility(
            QueueUrl=cloud.dead_letter_queue_url, ReceiptHandle=handle, VisibilityTimeout=0
        )
    return found


def uploads_of(body: str) -> Iterator[tuple[str, str]]:
    """Yield the key and `Sent.name` of each upload in a message; nothing for a poison message."""
    try:
        records: list[Mapping[str, Any]] = json.loads(body)["Records"]
        things = [record["s3"]["object"] for record in records]
        for thing in things:
            yield unquote_plus(thing["key"]), thing.get("versionId") or thing["eTag"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return


def told_ids(cloud: Cloud, queue_url: str) -> list[str]:
    """Return the IDs of all events of finished predictions. Hide their messages: deleting them takes moto minutes."""
    found = []
    while messages := cloud.sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=3600).get(
        "Messages"
    ):
        found += [json.loads(message["Body"])["detail"]["id"] for message in messages]
    return found
