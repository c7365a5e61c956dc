"""The results bucket: one result for each upload key, that of the newest event, without a table or a lock.

S3 does the arbitration with conditional writes: `If-None-Match: *` lets one writer create an object, and
`If-Match` lets one writer replace exactly the object it has looked at. The order of events is kept in the
objects' metadata. Needed permissions: s3:PutObject and s3:GetObject on the bucket's objects (the second for
HEAD, and because S3 wants it for If-Match).
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

# Codes of HEAD and PUT. 412: the condition does not hold. 409: another write is under way at this moment.
_EXISTS = frozenset({"PreconditionFailed", "412"})
_CONFLICT = frozenset({"ConditionalRequestConflict", "409"})
_GONE = frozenset({"NoSuchKey", "NotFound", "404"})
# Whoever may not list the bucket, as the roles of this stack, gets 403 from S3 where there is no object.
_FORBIDDEN = frozenset({"AccessDenied", "403"})


class ResultConflict(Exception):
    """Other writers kept replacing the same result; the message goes back to the queue and is tried later."""


class WriteOutcome(enum.Enum):
    """What became of a write: done, already there from the same event, or there from a newer one."""

    WRITTEN = "written"
    DUPLICATE = "duplicate"
    STALE = "stale"


@dataclass(frozen=True)
class Order:
    """Place of an event among those of its key. `version_id` is None if it is not known."""

    sequencer: str | None
    event_time: datetime
    version_id: str | None = None

    @classmethod
    def of(cls, upload: Upload) -> "Order":
        return cls(upload.sequencer, upload.event_time, upload.version_id)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "Order | None":
        """The order stored with a result; None if the object was not written by `put_if_newer`."""
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
        """Negative, 0 or positive if this event is older than, the same as or newer than the other.

        Sequencers decide, as S3 documents it (Event message structure, Amazon S3 User Guide): the shorter one
        padded with zeros on the right, then compared as text. Events without one (not from AWS itself) are told
        apart by their time. Where that leaves two versions equal, they are still no duplicates: nothing says
        which is newer, so the text of their ids decides, to the same end in whatever order they arrive.
        One version is the same whether an event or a listing names it, though their times differ; but for "null",
        the version of all objects that a bucket without versions ever held under the key.
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
    """Writes results; holds no state of its own."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self.bucket = bucket
        self.client = client

    def find(self, key: str) -> "tuple[Order | None, bytes] | None":
        """Order and content of the object under a key; None if there is none. Raises ClientError if S3 fails."""
        try:
            found = self.client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error_code(error) in _GONE | _FORBIDDEN:
                return None
            raise
        with contextlib.closing(found["Body"]) as body:  # see process.py
            return Order.from_metadata(found["Metadata"]), body.read()

    def find_document(self, stem: str) -> "tuple[Order | None, ResultDocument] | None":
        """Order and content of the result with this stem (names.py); None if there is none. Raises ClientError if S3
        fails."""
        found = self.find(stem + JSON_SUFFIX)
        return None if found is None else (found[0], ResultDocument.parse(found[1]))

    def put_document(self, upload: Upload, document: ResultDocument, *, provisional: bool = False) -> WriteOutcome:
        """Write the result of an upload as `put_if_newer` does."""
        key = upload.result_stem + JSON_SUFFIX
        body = document.to_bytes()
        return self.put_if_newer(key, body, "application/json", Order.of(upload), provisional=provisional)

    def has_newer(self, key: str, order: Order) -> bool:
        """Whether the object under a key is of a newer event. It may be so a moment later: `put_if_newer` decides.

        Raises ClientError if S3 fails.
        """
        try:
            stored = self._head(key)
        except ClientError as error:
            # Most likely nothing is there. If reading is not allowed at all, the write that follows fails on it.
            if error_code(error) in _FORBIDDEN:
                return False
            raise
        stored_order = stored[1] if stored else None
        return stored_order is not None and order.compare(stored_order) < 0

    def put_if_newer(
        self, key: str, body: bytes, content_type: str, order: Order, *, provisional: bool = False
    ) -> WriteOutcome:
        """Write an object unless the one under its key is of the same or a newer event.

        A `provisional` one is written without its order, so that any other takes its place. Raises ResultConflict if
        it loses against other writers five times in a row, ClientError if S3 fails.
        """
        metadata = {} if provisional else order.to_metadata()
        forbidden: ClientError | None = None
        for _ in range(_ATTEMPTS):
            if self._put(key, body, content_type, metadata, if_match=None):
                return WriteOutcome.WRITTEN
            try:
                stored = self._head(key)
            except ClientError as error:
                # Most likely nothing is there. If reading is not allowed at all, it is the same each time.
                if error_code(error) not in _FORBIDDEN:
                    raise
                stored, forbidden = None, error
            if stored is None:  # a conflict with a write not finished, or removed since
                continue
            forbidden = None
            etag, stored_order = stored
            # An object of unknown order is not a result of ours: replace it.
            place = 1 if stored_order is None else order.compare(stored_order)
            if place <= 0:
                return WriteOutcome.DUPLICATE if place == 0 else WriteOutcome.STALE
            if self._put(key, body, content_type, metadata, if_match=etag):
                return WriteOutcome.WRITTEN
        if forbidden is not None:
            raise forbidden
        raise ResultConflict(f"Lost against other writers {_ATTEMPTS} times; the message will be tried again.")

    def _put(self, key: str, body: bytes, content_type: str, metadata: dict[str, str], *, if_match: str | None) -> bool:
        """Write under a condition; False if it does not hold or another write is under way."""
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
            # If-Match on an object removed since is answered by 404 or 403. Without it they are of a missing bucket or
            # a missing permission: not ours.
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
    """The code of a failed call, such as "NoSuchKey"; HEAD has no body and gives the status as text."""
    return str(error.response.get("Error", {}).get("Code", ""))
