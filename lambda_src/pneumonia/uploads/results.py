"""The results bucket: one result for each upload key, from the newest event, without a table or a lock.

Conditional writes of S3 decide between writers: `If-None-Match: *` allows one writer to create an object, and
`If-Match` allows one writer to replace exactly the object that it has read. The metadata of the objects stores the
order of events. Writers need s3:PutObject on the bucket's objects, and s3:GetObject for HEAD and If-Match.
"""

import contextlib
import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.events import Upload
from pneumonia.uploads.names import JSON_SUFFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

_ATTEMPTS = 5
_SEQUENCER = "source-sequencer"
_EVENT_TIME = "source-event-time"
_VERSION = "source-version"
_NULL_VERSION = "null"

# Error codes of HEAD and PUT. 412: the condition does not hold. 409: another write is in progress.
_EXISTS = frozenset({"PreconditionFailed", "412"})
_CONFLICT = frozenset({"ConditionalRequestConflict", "409"})
_GONE = frozenset({"NoSuchKey", "NotFound", "404"})
# S3 returns 403 for a missing object to callers that may not list the bucket, such as the roles of this stack.
_FORBIDDEN = frozenset({"AccessDenied", "403"})


class ResultConflict(Exception):
    """Other writers kept replacing the same result. The message returns to the queue and is tried later."""


class WriteOutcome(enum.Enum):
    """The outcome of a write: written, already there from the same event, or already there from a newer event."""

    WRITTEN = "written"
    DUPLICATE = "duplicate"
    STALE = "stale"


@dataclass(frozen=True)
class Order:
    """The position of an event among the events of its key. `version_id` is None if unknown."""

    sequencer: str | None
    event_time: datetime
    version_id: str | None = None

    @classmethod
    def of(cls, upload: Upload) -> "Order":
        return cls(upload.sequencer, upload.event_time, upload.version_id)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "Order | None":
        """Return the order stored with a result; None if `put_if_newer` did not write the object."""
        try:
            time = datetime.fromisoformat(metadata[_EVENT_TIME])
        except (KeyError, ValueError):
            return None
        return cls(metadata.get(_SEQUENCER) or None, time, metadata.get(_VERSION) or None)

    def to_metadata(self) -> dict[str, str]:
        return {
            _SEQUENCER: self.sequencer or "",
            _EVENT_TIME: self.event_time.isoformat(),
            _VERSION: self.version_id or "",
        }

    def compare(self, other: "Order") -> int:
        """Return a negative number if this event is older than the other, 0 if it is the same, a positive number if it
        is newer.

        - Sequencers decide, as in the Amazon S3 User Guide (Event message structure). The shorter sequencer is padded
          with zeros on the right, then both are compared as text.
        - Events without a sequencer (not from AWS) are compared by time.
        - Two versions with equal order are not duplicates. The text of their version ids decides, so the result does
          not depend on the order of arrival.
        - An event and a listing of one version count as the same, although their times differ. This rule does not apply
          to the version "null", which every object in a bucket without versions has.
        """
        versions = (self.version_id or "", other.version_id or "")
        two_versions = all(versions) and versions[0] != versions[1]
        if self.sequencer and other.sequencer:
            width = max(len(self.sequencer), len(other.sequencer))
            mine, theirs = self.sequencer.ljust(width, "0"), other.sequencer.ljust(width, "0")
            if mine != theirs or not two_versions:
                return (mine > theirs) - (mine < theirs)
        elif all(versions) and not two_versions and versions[0] != _NULL_VERSION:
            return 0
        if self.event_time != other.event_time or not two_versions:
            return (self.event_time > other.event_time) - (self.event_time < other.event_time)
        return 1 if versions[0] > versions[1] else -1


class Results:
    """Reads and writes results. It has no state."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self.bucket = bucket
        self.client = client

    def find(self, key: str) -> "tuple[Order | None, bytes] | None":
        """Return order and content of the object with a key; None if there is none. Raises ClientError if S3 fails."""
        try:
            found = self.client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error_code(error) in _GONE | _FORBIDDEN:
                return None
            raise
        with contextlib.closing(found["Body"]) as body:  # see process.py
            return Order.from_metadata(found["Metadata"]), body.read()

    def find_document(self, stem: str) -> "tuple[Order | None, ResultDocument] | None":
        """Return order and content of the result with this stem (names.py); None if there is none.

        Raises ClientError if S3 fails.
        """
        found = self.find(stem + JSON_SUFFIX)
        return None if found is None else (found[0], ResultDocument.parse(found[1]))

    def put_document(self, upload: Upload, document: ResultDocument, *, provisional: bool = False) -> WriteOutcome:
        """Write the result of an upload with `put_if_newer`."""
        key = upload.result_stem + JSON_SUFFIX
        body = document.to_bytes()
        return self.put_if_newer(key, body, "application/json", Order.of(upload), provisional=provisional)

    def has_newer(self, key: str, order: Order) -> bool:
        """Return whether the object with a key is from a newer event. Raises ClientError if S3 fails.

        The object can change right after this check. Only `put_if_newer` is safe against this.
        """
        try:
            stored = self._head(key)
        except ClientError as error:
            # Most likely there is no object. If the role lacks the permission to read, the next write fails.
            if error_code(error) in _FORBIDDEN:
                return False
            raise
        stored_order = stored[1] if stored else None
        return stored_order is not None and order.compare(stored_order) < 0

    def put_if_newer(
        self, key: str, body: bytes, content_type: str, order: Order, *, provisional: bool = False
    ) -> WriteOutcome:
        """Write an object unless the object with its key is from the same or a newer event.

        A `provisional` object is written without its order, so any other object replaces it. Raises ResultConflict if
        other writers win five times in a row, and ClientError if S3 fails.
        """
        metadata = {} if provisional else order.to_metadata()
        forbidden: ClientError | None = None
        for _ in range(_ATTEMPTS):
            if self._put(key, body, content_type, metadata, if_match=None):
                return WriteOutcome.WRITTEN
            try:
                stored = self._head(key)
            except ClientError as error:
                # Most likely there is no object. If the role lacks the permission to read, every attempt fails.
                if error_code(error) not in _FORBIDDEN:
                    raise
                stored, forbidden = None, error
            if stored is None:  # another write is in progress, or the object was removed
                continue
            forbidden = None
            etag, stored_order = stored
            # An object of unknown order is provisional or foreign, so it is replaced.
            place = 1 if stored_order is None else order.compare(stored_order)
            if place <= 0:
                return WriteOutcome.DUPLICATE if place == 0 else WriteOutcome.STALE
            if self._put(key, body, content_type, metadata, if_match=etag):
                return WriteOutcome.WRITTEN
        if forbidden is not None:
            raise forbidden
        raise ResultConflict(f"Other writers replaced the result {_ATTEMPTS} times. The message will be tried again.")

    def _put(self, key: str, body: bytes, content_type: str, metadata: dict[str, str], *, if_match: str | None) -> bool:
        """Write under a condition. Return False if it does not hold or another write is in progress."""
        request: PutObjectRequestTypeDef = {
            "Bucket": self.bucket,
            "Key": key,
            "Body": body,
            "ContentType": content_type,
            "Metadata": metadata,
        }
        if if_match is None:
            request["IfNoneMatch"] = "*"
        else:
            request["IfMatch"] = if_match
        try:
            self.client.put_object(**request)
        except ClientError as error:
            # With If-Match, 404 and 403 mean that the object was removed. Without it, they mean a missing bucket or a
            # missing permission.
            if error_code(error) in _EXISTS | _CONFLICT | (_GONE | _FORBIDDEN if if_match else frozenset()):
                return False
            raise
        return True

    def _head(self, key: str) -> tuple[str, Order | None] | None:
        try:
            head = self.client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error_code(error) in _GONE:
                return None
            raise
        return head["ETag"], Order.from_metadata(head["Metadata"])


def error_code(error: ClientError) -> str:
    """Return the code of a failed call, such as "NoSuchKey". For HEAD, it is the HTTP status as text."""
    return str(error.response.get("Error", {}).get("Code", ""))
