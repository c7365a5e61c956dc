"""Upload each image of a batch once to the upload bucket, even over several runs."""

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pneumonia.options import FORCE
from pneumonia.uploads.correlation import METADATA, of_batch_key
from pneumonia_cli.client.aws import error_code, errors_in_words, status_code
from pneumonia_cli.client.batch.journal import Journal
from pneumonia_cli.client.errors import Refused, ServiceError
from pneumonia_cli.client.files import read
from pneumonia_cli.client.service import content_type
from pneumonia_cli.reporting.images import ImageFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FAILURES_IN_A_ROW = 20
"""After this number of failed uploads in a row, stop and report the failure to the user."""

_AGAIN = "Fix the cause, then run the same command again."


@dataclass(frozen=True)
class Sent:
    """The outcome for one file: `key` if the image is in the bucket, else `refusal` or `failure`."""

    name: str
    size: int
    mtime_ns: int
    key: str | None = None
    refusal: dict[str, Any] | None = None
    failure: str | None = None
    new: bool = False


class Uploader:
    """Uploads in the threads of a pool. Only the thread that calls `step` writes the journal."""

    def __init__(
        self,
        s3: "S3Client",
        bucket: str,
        journal: Journal,
        pool: ThreadPoolExecutor,
        *,
        max_bytes: int,
        at_once: int,
        force: bool = False,
    ) -> None:
        """`at_once`: the most images in memory at once. `force`: also predict images that the gate would refuse."""
        self._s3 = s3
        self._bucket = bucket
        self._journal = journal
        self._pool = pool
        self._max_bytes = max_bytes
        self._at_once = at_once
        self._force = force
        self._files: Iterator[ImageFile] = iter(())
        self._left = False
        self._running: set[Future[Sent]] = set()
        self._failures = 0
        self.uploaded = 0
        """Objects that this run created."""

    def begin(self, images: Sequence[ImageFile]) -> None:
        """Set the list of images. Files that the journal lists as uploaded are not opened."""
        self._files = iter(images)
        self._left = True

    def again(self, images: Sequence[ImageFile]) -> None:
        """Send these images again, after all images that are still to be sent."""
        self._files = itertools.chain(self._files, images)
        self._left = True

    @property
    def busy(self) -> bool:
        return self._left or bool(self._running)

    def step(self, seconds: float, room: int) -> list[Sent]:
        """Continue for about `seconds`, store the outcomes in the journal, and return them.

        `room`: how many more uploads can start. Raises ServiceError if uploading cannot continue.
        """
        done = self._fill(room - len(self._running))
        if self._running:
            finished, self._running = wait(self._running, seconds, FIRST_COMPLETED)
            with errors_in_words("Upload to S3"):
                done += [future.result() for future in finished]
        for sent in done:
            self._note(sent)
        return done

    def settle(self) -> None:
        """Store the uploads that were running when the run stopped. Call this after the pool has ended."""
        for future in self._running:
            if future.done() and not future.cancelled() and future.exception() is None:
                sent = future.result()
                if sent.key:
                    self._journal.uploaded(sent.name, sent.size, sent.mtime_ns, sent.key)
        self._running = set()

    def abandon(self, reason: str) -> None:
        """Store that the remaining images were not uploaded. The next run uploads them."""
        for image in self._files:
            name = image.safe_name
            if not self._journal.settled(name, *_stat(image.path), force=self._force):
                self._journal.failed(name, 0, 0, reason)
        self._left = False

    def _fill(self, room: int) -> list[Sent]:
        settled: list[Sent] = []
        while self._left and room > 0 and len(self._running) < self._at_once and len(settled) < self._at_once:
            image = next(self._files, None)
            if image is None:
                self._left = False
                break
            name = image.safe_name
            size, mtime_ns = _stat(image.path)
            if self._journal.settled(name, size, mtime_ns, force=self._force):
                settled.append(Sent(name, size, mtime_ns, key=""))
            else:
                self._running.add(self._pool.submit(self._send, image, name, size, mtime_ns))
                room -= 1
        return settled

    def _send(self, image: ImageFile, name: str, size: int, mtime_ns: int) -> Sent:
        try:
            data = read(image.path, self._max_bytes)
            media_type = content_type(data)  # refuses other files, so that they are not uploaded
        except Refused as refused:
            return Sent(name, size, mtime_ns, refusal=refused.result)
        key = self._journal.key_of(data, force=self._force)
        try:
            new = put_once(self._s3, self._bucket, key, data, media_type, force=self._force)
        except ClientError as error:
            if 400 <= status_code(error) < 500 and error_code(error) not in (
                "ConditionalRequestConflict",
                "RequestTimeout",
            ):
                raise  # a missing permission or bucket affects all other images too
            return Sent(name, size, mtime_ns, failure=f"The upload failed: S3 returned {error_code(error)}.")
        except BotoCoreError as error:
            return Sent(name, size, mtime_ns, failure=f"The upload failed: {error}")
        return Sent(name, size, mtime_ns, key=key, new=new)

    def _note(self, sent: Sent) -> None:
        if sent.key is not None:
            self._failures = 0
            self.uploaded += sent.new
            if sent.key:
                self._journal.uploaded(sent.name, sent.size, sent.mtime_ns, sent.key)
        elif sent.refusal is not None:
            self._journal.refused(sent.name, sent.size, sent.mtime_ns, sent.refusal)
        elif sent.failure is not None:
            self._journal.failed(sent.name, sent.size, sent.mtime_ns, sent.failure)
            self._failures += 1
            if self._failures >= _FAILURES_IN_A_ROW:
                raise ServiceError(f"{self._failures} uploads in a row failed. {sent.failure} {_AGAIN}")


def put_once(s3: "S3Client", bucket: str, key: str, data: bytes, media_type: str, *, force: bool = False) -> bool:
    """Create an object if it does not exist, and return whether it was created. Raises botocore's errors."""
    try:
        s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=data,
            ContentType=media_type,
            Metadata={METADATA: of_batch_key(key), **({FORCE: "true"} if force else {})},
            IfNoneMatch="*",
        )
    except ClientError as error:
        if error_code(error) in ("PreconditionFailed", "412"):
            return False
        raise
    return True


def _stat(path: Path) -> tuple[int, int]:
    """Return size in bytes and modification time in ns. Zeros for a missing file, which the later read reports."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns
