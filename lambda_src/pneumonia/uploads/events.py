"""What S3 says in an SQS message: which objects were created, and when."""

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
    """The message did not come from S3 as it writes them; after its retries it belongs in the dead-letter
    queue, where someone can look at it. The text never quotes the message."""


@dataclass(frozen=True)
class Upload:
    """One created object. `key` is decoded. `version_id` is None in a bucket without versions; `sequencer`
    (hexadecimal, order of events of one key) and `size` (bytes) are None if the event lacks them. `filed_as` is the
    name of a film of another bucket (`names.archive_name`), None for an upload."""

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
        """What the keys of its result and heatmap begin with."""
        return upload_stem(self.key) if self.filed_as is None else archive_stem(self.filed_as)

    @property
    def former_stem(self) -> str | None:
        """What they began with before prefixes were reserved; None if that was the same. Another film's result may be
        there."""
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
    """How a film is taken. A delivery before this one failed, and the film or one of its neighbours may have ended the
    function; at the last delivery nobody will try it again."""

    USUAL = 0
    APART = 1
    LAST = 2


@dataclass(frozen=True)
class Message:
    """One SQS message as Lambda passes it, parsed once. `content`: its uploads, or why they cannot be told."""

    id: str
    receive_count: int
    content: list[Upload] | Exception

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Message":
        """Never raises for what the message says: `uploads` does."""
        content: list[Upload] | Exception
        try:
            content = parse_message(record["body"])
        except Exception as error:
            content = error
        return cls(record["messageId"], int(record["attributes"]["ApproximateReceiveCount"]), content)

    @property
    def care(self) -> Care:
        """How to take it, by the number of this delivery."""
        if self.receive_count >= MAX_RECEIVES:
            return Care.LAST
        return Care.APART if self.receive_count > 1 else Care.USUAL

    def uploads(self) -> list[Upload]:
        """The uploads that the message names. Raises what `parse_message` raises."""
        if isinstance(self.content, Exception):
            raise self.content
        return self.content

    def lane(self) -> Hashable:
        """The object that it is of: events of one object stay in their order, so that they never meet each other."""
        if isinstance(self.content, Exception) or not self.content:
            return self.id
        return self.content[0].bucket, self.content[0].key


def parse_message(body: str) -> list[Upload]:
    """The uploads of one SQS message body; empty for `s3:TestEvent`, which S3 sends when it is configured.

    Left out: events other than ObjectCreated, and the empty objects whose key ends in "/", with which the
    console marks folders. Raises NotAnS3Event.
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
    # AWS asks to compare the major version only: it changes when fields go away.
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
        raise NotAnS3Event(f"A record of the message misses a field or holds a bad one ({error!r}).") from None


def _sequencer(value: Any) -> str | None:
    if value is None:
        return None
    text = str(value).upper()
    int(text, 16)  # ValueError if it is no hexadecimal number
    return text


def _time(value: str) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("eventTime without a time zone")
    return time
