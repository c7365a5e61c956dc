"""Parse the S3 events in an SQS message: which objects were created, and when."""

import enum
import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from pneumonia.settings import MAX_RECEIVES
from pneumonia.uploads.names import archive_stem, former_stem, upload_stem


class NotAnS3Event(ValueError):
    """The message does not have the form of an S3 event.

    After its retries the message goes to the dead-letter queue, where someone can inspect it. The text of this error
    never quotes the message.
    """


@dataclass(frozen=True)
class Upload:
    """One created object.

    Attributes:
        key: the decoded key.
        version_id: None in a bucket without versions.
        sequencer: hexadecimal number that orders the events of one key; None if the event lacks it.
        size: in bytes; None if the event lacks it.
        filed_as: the name of an image in another bucket (`names.archive_name`); None for an upload.
    """

    bucket: str
    key: str
    version_id: str | None
    etag: str
    sequencer: str | None
    event_time: datetime
    size: int | None
    filed_as: str | None = None

    @property
    def result_stem(self) -> str:
        """The common beginning of the keys of the result and the heatmap."""
        return upload_stem(self.key) if self.filed_as is None else archive_stem(self.filed_as)

    @property
    def former_stem(self) -> str | None:
        """The stem that was used before prefixes were reserved (names.py); None if it is the same.

        The result of another image may be under this stem.
        """
        former = former_stem(self.filed_as or self.key)
        return None if former == self.result_stem else former

    @property
    def source(self) -> dict[str, str | None]:
        """The member `source` of a result."""
        return {
            "bucket": self.bucket,
            "key": self.key,
            "version_id": self.version_id,
            "etag": self.etag,
            "sequencer": self.sequencer,
        }


class Care(enum.IntEnum):
    """How carefully an image is processed.

    USUAL is for the first delivery. APART is for later deliveries: this image, or another image in its batch, may have
    made the function crash or time out. LAST is for the last delivery.
    """

    USUAL = 0
    APART = 1
    LAST = 2


@dataclass(frozen=True)
class Message:
    """One SQS message from Lambda, parsed once. `content`: its uploads, or the error of the parser."""

    id: str
    receive_count: int
    content: list[Upload] | Exception

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Message":
        """Parse a message. An invalid body does not raise an error here, but in `uploads`."""
        content: list[Upload] | Exception
        try:
            content = parse_message(record["body"])
        except Exception as error:
            content = error
        return cls(record["messageId"], int(record["attributes"]["ApproximateReceiveCount"]), content)

    @property
    def care(self) -> Care:
        """How carefully to process the message, by the number of this delivery."""
        if self.receive_count >= MAX_RECEIVES:
            return Care.LAST
        return Care.APART if self.receive_count > 1 else Care.USUAL

    def uploads(self) -> list[Upload]:
        """Return the uploads that the message names. Raises the errors of `parse_message`."""
        if isinstance(self.content, Exception):
            raise self.content
        return self.content

    def lane(self) -> Hashable:
        """Return the key of the message for `concurrency.overlapping`: the bucket and the key of its object.

        Events of one object are processed one after the other, in order.
        """
        if isinstance(self.content, Exception) or not self.content:
            return self.id
        return self.content[0].bucket, self.content[0].key


def parse_message(body: str) -> list[Upload]:
    """Return the uploads of one SQS message body. Raises NotAnS3Event.

    An `s3:TestEvent`, which S3 sends when notifications are configured, has no uploads. Events other than ObjectCreated
    are ignored. Empty objects whose key ends in "/" are ignored too, because the S3 console creates them for folders.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise NotAnS3Event("The message body is not JSON.") from None
    if not isinstance(message, dict):
        raise NotAnS3Event("The message body is not a JSON object.")
    if message.get("Event") == "s3:TestEvent":
        return []
    records = message.get("Records")
    if not isinstance(records, list):
        raise NotAnS3Event("The message has no list of Records.")
    uploads = [_upload(record) for record in records if _is_creation(record)]
    return [upload for upload in uploads if not (upload.key.endswith("/") and upload.size == 0)]


def _is_creation(record: Any) -> bool:
    if not isinstance(record, dict) or record.get("eventSource") != "aws:s3":
        raise NotAnS3Event("A record of the message is not from aws:s3.")
    # AWS recommends comparing only the major version, which changes when fields are removed.
    if str(record.get("eventVersion", "")).partition(".")[0] != "2":
        raise NotAnS3Event("A record of the message has an eventVersion other than 2.x.")
    return str(record.get("eventName", "")).removeprefix("s3:").startswith("ObjectCreated:")


def _upload(record: Mapping[str, Any]) -> Upload:
    try:
        thing = record["s3"]["object"]
        size = thing.get("size")
        return Upload(
            bucket=str(record["s3"]["bucket"]["name"]),
            key=unquote_plus(thing["key"], errors="strict"),
            version_id=thing.get("versionId") or None,
            etag=str(thing["eTag"]),
            sequencer=_sequencer(thing.get("sequencer")),
            event_time=_time(record["eventTime"]),
            size=None if size is None else int(size),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotAnS3Event(f"A record of the message lacks a field or has an invalid one ({error!r}).") from None


def _sequencer(value: Any) -> str | None:
    if value is None:
        return None
    text = str(value).upper()
    int(text, 16)  # ValueError if it is not hexadecimal
    return text


def _time(value: str) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("eventTime without a time zone")
    return time
