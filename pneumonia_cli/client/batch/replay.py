"""`pneumonia replay`: films that were uploaded on one day are predicted again, through the queue.

For results that are missing, because messages died of age, and for results of a model that has been replaced. What is
sent looks like S3's own event for the newest version of a film, but for sequencer and version: without them the event's
time decides which result stays (lambda_src's results.py), and that is the time at which the replay began. So a replayed
result replaces those before it, and an upload that comes meanwhile wins over the replay.
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
class StoredFilm:
    """The newest version of an upload. `version_id` is None in a bucket without versions; `size` in bytes."""

    key: str
    version_id: str | None
    etag: str
    size: int


@dataclass(frozen=True)
class Replay:
    """Which films: uploaded on `day` (UTC), keys that begin with `prefix`, and only those `missing` a result."""

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
    """Send the films to the queue, or tell how many it would be; answers the exit code. Raises ServiceError."""
    with errors_in_words("The replay"), output.progress() as bars:
        task = bars.add_task("Sending", total=None)
        began = server_time(s3, upload_bucket)
        found = sent = 0
        pending: list[StoredFilm] = []
        for film in films(s3, upload_bucket, result_bucket, chosen):
            found += 1
            pending.append(film)
            if really and len(pending) == BATCH:
                sent += _send(sqs, queue_url, upload_bucket, pending, began)
                pending.clear()
            bars.update(task, completed=found)
        if really and pending:
            sent += _send(sqs, queue_url, upload_bucket, pending, began)
    if shape.for_programs:
        print_record({"found": found, "sent": sent}, shape)
    elif not found:
        output.stdout.print(f"No film of {chosen.day} is to be replayed.")
    elif really:
        output.stdout.print(f"{sent} films are in the queue; the worker predicts them again now.")
    else:
        output.stdout.print(f"{found} films of {chosen.day}. Nothing was sent; the same command with --yes does it.")
    return EXIT_OK


def films(s3: "S3Client", upload_bucket: str, result_bucket: str, chosen: Replay) -> Iterator[StoredFilm]:
    """The films that are meant, in the order of their keys. Raises botocore's errors."""
    start = datetime.combine(chosen.day, datetime.min.time(), UTC)
    end = start + timedelta(days=1)
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=upload_bucket, Prefix=chosen.prefix)
    for page in pages:
        for version in page.get("Versions", []):
            if not version["IsLatest"] or not start <= version["LastModified"] < end:
                continue
            if version["Key"].endswith("/") and not version["Size"]:  # how the console marks folders
                continue
            if chosen.missing and _has_result(s3, upload_bucket, result_bucket, version["Key"]):
                continue
            number = version["VersionId"]
            yield StoredFilm(
                version["Key"], None if number == "null" else number, version["ETag"].strip('"'), version["Size"]
            )


def event(bucket: str, film: StoredFilm, time: datetime) -> dict[str, Any]:
    """The body of a message that asks for a film, as of S3 at `time` but for the sequencer and the version.

    With the version it would be one more event of what has a result already, and the worker would leave it alone.
    """
    thing: dict[str, Any] = {"key": quote_plus(film.key, safe="/"), "size": film.size, "eTag": film.etag}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": time.isoformat(timespec="milliseconds"),
        "eventName": "ObjectCreated:Replay",
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket}, "object": thing},
    }
    return {"Records": [record]}


def server_time(s3: "S3Client", bucket: str) -> datetime:
    """The time by the clock of S3, which is the one that stamps uploads: this machine's may be off."""
    headers = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        raise ServiceError("S3 does not tell its time; without it no replay can be put in order.") from None


def _has_result(s3: "S3Client", upload_bucket: str, bucket: str, key: str) -> bool:
    stem, former = upload_stem(key), former_stem(key)
    if _exists(s3, bucket, stem + JSON_SUFFIX):
        return True
    if former == stem or not _exists(s3, bucket, former + JSON_SUFFIX):
        return False
    # Written before prefixes were reserved, or the result of another film: the document tells.
    with contextlib.closing(s3.get_object(Bucket=bucket, Key=former + JSON_SUFFIX)["Body"]) as body:
        source = ResultDocument.parse(body.read()).source
    return (source.get("bucket"), source.get("key")) == (upload_bucket, key)


def _exists(s3: "S3Client", bucket: str, name: str) -> bool:
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=name, MaxKeys=1).get("Contents", [])
    # The shortest key of a prefix comes first.
    return bool(listed) and listed[0]["Key"] == name


def _send(sqs: "SQSClient", queue_url: str, bucket: str, batch: list[StoredFilm], time: datetime) -> int:
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(index), "MessageBody": json.dumps(event(bucket, film, time))} for index, film in enumerate(batch)
    ]
    failed = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries).get("Failed", [])
    if failed:
        raise ServiceError(f"SQS took {len(batch) - len(failed)} of {len(batch)} messages. Run the command again.")
    return len(batch)
