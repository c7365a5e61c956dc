"""`pneumonia replay`: predict the images of one day again, by sending them through the queue.

Use the command if results are missing because their messages expired, or if a new model has replaced an old one. Each
message looks like the S3 event for the newest version of an image, without sequencer and version. Without these two,
the time of the event decides which result is kept (results.py in lambda_src). This time is the start of the replay. A
replay therefore replaces earlier results, and a later upload replaces the result of the replay.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.names import JSON_SUFFIX, former_stem, upload_stem
from pneumonia_cli.client import output
from pneumonia_cli.client.aws import errors_in_words
from pneumonia_cli.client.errors import EXIT_OK, ServiceError
from pneumonia_cli.client.queues import BATCH
from pneumonia_cli.client.records import print_record
from pneumonia_cli.client.shape import Shape

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef


@dataclass(frozen=True)
class StoredImage:
    """The newest version of an upload. `version_id`: None in a bucket without versioning. `size`: in bytes."""

    key: str
    version_id: str | None
    etag: str
    size: int


@dataclass(frozen=True)
class Replay:
    """Selects images: uploaded on `day` (UTC), with keys that start with `prefix`; only those without a result if
    `missing`."""

    day: date
    prefix: str = ""
    missing: bool = False


def run(
    s3: "S3Client",
    sqs: "SQSClient",
    upload_bucket: str,
    result_bucket: str,
    queue_url: str,
    chosen: Replay,
    *,
    really: bool,
    shape: Shape = Shape.TABLE,
) -> int:
    """Send the images to the queue, or only count them, and return the exit code. Raises ServiceError."""
    with errors_in_words("The replay"), output.progress() as bars:
        task = bars.add_task("Sending", total=None)
        began = server_time(s3, upload_bucket)
        found = sent = 0
        pending: list[StoredImage] = []
        for image in images(s3, upload_bucket, result_bucket, chosen):
            found += 1
            pending.append(image)
            if really and len(pending) == BATCH:
                sent += _send(sqs, queue_url, upload_bucket, pending, began)
                pending.clear()
            bars.update(task, completed=found)
        if really and pending:
            sent += _send(sqs, queue_url, upload_bucket, pending, began)
    if shape.for_programs:
        print_record({"found": found, "sent": sent}, shape)
    elif not found:
        output.stdout.print(f"There are no images of {chosen.day} to predict again.")
    elif really:
        output.stdout.print(f"{sent} images are in the queue. The worker predicts them again now.")
    else:
        output.stdout.print(
            f"{found} images of {chosen.day} were found. Nothing was sent. Run the same command with --yes to predict "
            "them again."
        )
    return EXIT_OK


def images(s3: "S3Client", upload_bucket: str, result_bucket: str, chosen: Replay) -> Iterator[StoredImage]:
    """Yield the selected images, in the order of their keys. Raises botocore's errors."""
    start = datetime.combine(chosen.day, datetime.min.time(), UTC)
    end = start + timedelta(days=1)
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=upload_bucket, Prefix=chosen.prefix)
    for page in pages:
        for version in page.get("Versions", []):
            if not version["IsLatest"] or not start <= version["LastModified"] < end:
                continue
            if version["Key"].endswith("/") and not version["Size"]:  # a folder that was created in the S3 console
                continue
            if chosen.missing and _has_result(s3, upload_bucket, result_bucket, version["Key"]):
                continue
            number = version["VersionId"]
            yield StoredImage(
                version["Key"], None if number == "null" else number, version["ETag"].strip('"'), version["Size"]
            )


def event(bucket: str, image: StoredImage, time: datetime) -> dict[str, Any]:
    """Return the body of a message for an image, as from S3 at `time`, without sequencer and version.

    If the event named the version, the worker would ignore it, because that version already has a result.
    """
    thing: dict[str, Any] = {"key": quote_plus(image.key, safe="/"), "size": image.size, "eTag": image.etag}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": time.isoformat(timespec="milliseconds"),
        "eventName": "ObjectCreated:Replay",
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket}, "object": thing},
    }
    return {"Records": [record]}


def server_time(s3: "S3Client", bucket: str) -> datetime:
    """Return the time of S3's clock, which also stamps uploads. The clock of this machine may be wrong."""
    headers = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        raise ServiceError("S3 did not return its time, which is needed to put results in order. Try again.") from None


def _has_result(s3: "S3Client", upload_bucket: str, bucket: str, key: str) -> bool:
    stem, former = upload_stem(key), former_stem(key)
    if _exists(s3, bucket, stem + JSON_SUFFIX):
        return True
    if former == stem or not _exists(s3, bucket, former + JSON_SUFFIX):
        return False
    # This result was written before prefixes were reserved, or it belongs to another image. The document shows which.
    with contextlib.closing(s3.get_object(Bucket=bucket, Key=former + JSON_SUFFIX)["Body"]) as body:
        source = ResultDocument.parse(body.read()).source
    return (source.get("bucket"), source.get("key")) == (upload_bucket, key)


def _exists(s3: "S3Client", bucket: str, name: str) -> bool:
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=name, MaxKeys=1).get("Contents", [])
    # The shortest key under a prefix comes first.
    return bool(listed) and listed[0]["Key"] == name


def _send(sqs: "SQSClient", queue_url: str, bucket: str, batch: list[StoredImage], time: datetime) -> int:
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(index), "MessageBody": json.dumps(event(bucket, image, time))} for index, image in enumerate(batch)
    ]
    failed = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries).get("Failed", [])
    if failed:
        raise ServiceError(f"SQS accepted {len(batch) - len(failed)} of {len(batch)} messages. Run the command again.")
    return len(batch)
