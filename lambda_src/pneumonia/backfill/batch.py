"""Process one batch of a backfill: predict its images that have no result yet, with the same code as uploads."""

import enum
import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from pneumonia.backfill.items import Item
from pneumonia.backfill.tally import Tally
from pneumonia.errors import ObjectArchived, PneumoniaError, ProcessingFailed, log_fields
from pneumonia.predictor import process_predictor
from pneumonia.uploads import correlation
from pneumonia.uploads.concurrency import overlapping
from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.events import Upload
from pneumonia.uploads.names import archive_name
from pneumonia.uploads.results import Order, Results, WriteOutcome, error_code

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef, HeadObjectRequestTypeDef

GONE = "gone"
NEWER_RESULT = "newer_result"

_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "NotFound", "404", "MethodNotAllowed", "405"})
_NEVER = datetime.fromtimestamp(0, UTC)
# Storage classes whose objects must be restored before they can be read. An archived object in Intelligent-Tiering has
# `ArchiveStatus` instead.
_ARCHIVE_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})

logger = Logger()


class BatchIncomplete(Exception):
    """Images failed because of errors in the service, so the batch must be tried again.

    The error message has only numbers and codes.
    """


class OutOfTime(Exception):
    """The timeout of the function is near. Another invocation must process the rest of the batch."""


class EveryImageFailed(Exception):
    """The function crashed or timed out on each of several images, so the images are not the cause."""


_Count = Callable[[Tally], None]
"""Adds an image to the counts."""


Process = Callable[[Upload, str], tuple[WriteOutcome, ResultDocument]]
"""Predicts an upload and stores its result, like `uploads.process.process_upload`."""


class _Unfinished(enum.Enum):
    """An image without a result: it failed because of the service, or there was no time to start it."""

    FAILED = enum.auto()
    NOT_BEGUN = enum.auto()


@dataclass(frozen=True)
class Seen:
    """An item, and its current state in S3. `document`: its result, if it already has one."""

    upload: Upload
    document: ResultDocument | None = None
    archived: bool = False
    gone: bool = False


class _Begun:
    """Decides whether another image may start: the first one always, the others while there is time."""

    def __init__(self, has_time: Callable[[], bool]) -> None:
        self._has_time = has_time
        self._lock = threading.Lock()
        self._any = False

    def another(self) -> bool:
        with self._lock:
            first, self._any = not self._any, True
        return first or self._has_time()


class Batch:
    """Processes batches.

    `uploads_bucket`: the upload bucket. Results of images in other buckets have keys under `archive/`.
    `process`: predicts one image.
    """

    def __init__(self, results: Results, uploads_bucket: str | None, process: Process) -> None:
        self._results = results
        self._uploads_bucket = uploads_bucket
        self._process = process

    def run(self, items: Sequence[Item], request_id: str, has_time: Callable[[], bool]) -> Tally:
        """Predict the items that have no result yet. S3 calls overlap, but predictions do not (process.py).

        An image that fails does not stop the others. Raises BatchIncomplete if images failed because of errors in the
        service. Raises OutOfTime if images were not started because `has_time` returned False. The first image is
        always tried. The next invocation skips images that have a result by then.
        """
        begun = _Begun(has_time)
        # Versions of one key are processed one after the other, in order.
        counts = overlapping(
            items, lambda item: (item.bucket, item.key), lambda item: self._try(item, request_id, begun)
        )
        failed, left = counts.count(_Unfinished.FAILED), counts.count(_Unfinished.NOT_BEGUN)
        if left:
            raise OutOfTime(f"{left} of {len(items)} images are left for another invocation, and {failed} failed.")
        if failed:
            raise BatchIncomplete(f"{failed} of {len(items)} images failed because of errors in the service.")
        tally = Tally()
        for count in counts:
            if not isinstance(count, _Unfinished):
                count(tally)
        return tally

    def _try(self, item: Item, request_id: str, begun: "_Begun") -> "_Count | _Unfinished":
        try:
            if item.skip is not None:
                return functools.partial(Tally.skip, reason=item.skip)
            seen = self.look(item)
            if seen.document is not None:
                return functools.partial(Tally.result, document=seen.document, already_there=True)
            if seen.gone:  # deleted after it was listed, so nobody waits for its result
                return functools.partial(Tally.skip, reason=GONE)
            return self._predict(seen, request_id) if begun.another() else _Unfinished.NOT_BEGUN
        except Exception as error:
            logger.error("image failed, its batch will be tried again", **log_fields(error))
            return _Unfinished.FAILED
        finally:
            logger.thread_safe_clear_keys()

    def conclude(self, outcomes: Sequence[Any], parse: Callable[[Any], Item], request_id: str) -> Tally:
        """Return the counts of a batch that ran image by image.

        If the function crashed or timed out on an image, the image gets a result that reports this. Raises
        EveryImageFailed if the function crashed or timed out on each of several images.
        """
        crashed = [outcome["crashed"] for outcome in outcomes if "crashed" in outcome]
        if len(crashed) == len(outcomes) > 1:
            raise EveryImageFailed(
                f"The function crashed or timed out on each of {len(outcomes)} images. It may need more memory or time."
            )
        tally = Tally()
        for outcome in outcomes:
            if "crashed" not in outcome:
                tally.add(outcome)
        for crash in crashed:
            seen = self.look(parse(crash["item"]))
            error = ProcessingFailed(
                "The service crashed or ran out of time twice while processing this image. Check the file, and raise "
                "memory_mb or worker_timeout_seconds before you process it again."
            )
            logger.error("image failed permanently", error_code=error.code, error_type=str(crash.get("error")))
            self._fail(seen.upload, error, request_id)(tally)
        return tally

    def look(self, item: Item) -> Seen:
        """Return the current version of the item, and its result if there is one. Raises ClientError if S3 fails."""
        key, head = self._head(item)
        upload = self._upload(item, key, head)
        document = self._stored(upload)
        if document is not None:
            return Seen(upload, document=document)
        return Seen(upload, archived=head is not None and _is_archived(head), gone=head is None)

    def _stored(self, upload: Upload) -> ResultDocument | None:
        """Return the result of this version or a newer one; None if there is none.

        Results are found even if they were written before prefixes were reserved (names.py).
        """
        for stem in filter(None, (upload.result_stem, upload.former_stem)):
            stored = self._results.find_document(stem)
            if stored is None or stored[0] is None or Order.of(upload).compare(stored[0]) > 0:
                continue
            source = stored[1].source
            if stem == upload.result_stem or (source.get("bucket"), source.get("key")) == (upload.bucket, upload.key):
                return stored[1]
        return None

    def _predict(self, seen: Seen, request_id: str) -> "_Count":
        if seen.archived:
            error = ObjectArchived(
                "The object is in an archive storage class. Restore it, then start the backfill again."
            )
            return self._fail(seen.upload, error, request_id)
        outcome, document = self._process(seen.upload, request_id)
        if outcome is WriteOutcome.STALE:
            return functools.partial(Tally.skip, reason=NEWER_RESULT)
        return functools.partial(Tally.result, document=document)

    def _fail(self, upload: Upload, error: PneumoniaError, request_id: str) -> "_Count":
        """Write a result that reports the error.

        The result is provisional, because the cause may be temporary. Any other result replaces it.
        """
        card = process_predictor().card
        document = ResultDocument.rejected(upload, correlation.derived(upload), error, request_id, card)
        self._results.put_document(upload, document, provisional=True)
        return functools.partial(Tally.failure, code=error.code)

    def _upload(self, item: Item, key: str, head: "HeadObjectOutputTypeDef | None") -> Upload:
        """Return the item as an upload. Its values come from S3 if the object exists, otherwise from the item."""
        upload = Upload(
            bucket=item.bucket,
            key=key,
            version_id=item.version_id,
            etag=item.etag or "",
            sequencer=None,
            event_time=item.last_modified or _NEVER,
            size=item.size,
            filed_as=None if item.bucket == self._uploads_bucket else archive_name(item.bucket, key),
        )
        if head is None:
            return upload
        return replace(
            upload,
            version_id=head.get("VersionId") or item.version_id,
            etag=head["ETag"].strip('"'),
            event_time=head["LastModified"],
            size=head["ContentLength"],
        )

    def _head(self, item: Item) -> "tuple[str, HeadObjectOutputTypeDef | None]":
        for key in item.keys:
            request: HeadObjectRequestTypeDef = {"Bucket": item.bucket, "Key": key}
            if item.version_id is not None:
                request["VersionId"] = item.version_id
            try:
                return key, self._results.client.head_object(**request)
            except ClientError as error:
                if error_code(error) not in _GONE:
                    raise
        return item.key, None


def _is_archived(head: "HeadObjectOutputTypeDef") -> bool:
    restored = 'ongoing-request="false"' in head.get("Restore", "")
    return not restored and (head.get("StorageClass") in _ARCHIVE_CLASSES or "ArchiveStatus" in head)
