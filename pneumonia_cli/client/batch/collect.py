"""Fetch the results of a batch as they appear in the results bucket."""

import contextlib
import hashlib
import itertools
import json
import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pneumonia.uploads.names import FEEDBACK, JSON_SUFFIX, RUNS, is_hashed, stem_prefixes
from pneumonia_cli.client.aws import error_code, errors_in_words
from pneumonia_cli.client.batch.journal import Journal
from pneumonia_cli.client.errors import ServiceError
from pneumonia_cli.client.parallel import ordered_map
from pneumonia_cli.client.queues import count
from pneumonia_cli.client.written import make_folder, write_bytes
from pneumonia_cli.reporting.artifacts import HEATMAP_FOLDER, safe_stem

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_OWN_NAME = re.compile("[0-9a-f]{32}")  # the names that Journal.key_of makes

_PROBES = 16
_ROUNDS = 8  # the most groups in one call of `look`, so that uploads continue in between

_STALLED_LOOKS = 3
"""Number of consecutive looks that must find only failed uploads. SQS counts are approximate, so one is not enough."""


Waiting = dict[str, None]
"""Upload keys without a result yet, as an ordered set: those that have waited longest come first."""


@dataclass(frozen=True)
class Fetched:
    """One result. `heatmap_file` is relative to the output folder."""

    key: str
    result: dict[str, Any]
    heatmap_file: str | None


class Collector:
    """Reads the results bucket under the prefix of a batch."""

    def __init__(
        self, s3: "S3Client", bucket: str, prefix: str, journal: Journal, pool: ThreadPoolExecutor, out: Path
    ) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix
        self._journal = journal
        self._pool = pool
        self._out = out
        make_folder(out / HEATMAP_FOLDER)

    def catch_up(self, waiting: Waiting) -> int:
        """List the bucket, fetch all new results, and return the number of their images.

        Keys with a result are removed from `waiting`.
        """
        with errors_in_words("Results in S3"):
            arrived = (key for key in self.keys() if key in waiting)
            return self._take(ordered_map(self._pool, self._fetch, arrived, ahead=_PROBES), waiting)

    def look(self, waiting: Waiting) -> int:
        """Request the results of the oldest uploads, group by group, and return the number of images that have one.

        Stops at the first group without a result. Results arrive roughly in the order of the uploads, so `look`
        needs only a few more requests than there are results. A listing would read the whole batch each time. Keys
        without a result move to the end of `waiting`.
        """
        answered = 0
        with errors_in_words("Results in S3"):
            for _ in range(_ROUNDS):
                keys = list(itertools.islice(waiting, _PROBES))
                found = self._take(self._pool.map(self._fetch, keys), waiting)
                answered += found
                for key in keys:
                    if key in waiting:
                        del waiting[key]
                        waiting[key] = None
                if not found:
                    break
        return answered

    def _take(self, fetched: Iterable[Fetched | None], waiting: Waiting) -> int:
        answered = 0
        for item in fetched:
            if item is not None:
                answered += self._journal.answered(item.key, item.result, item.heatmap_file)
                waiting.pop(item.key, None)
        self._journal.commit()
        return answered

    def keys(self) -> Iterator[str]:
        """Yield the keys of all results under the prefix, without their suffix. Most equal an upload key."""
        for prefix in stem_prefixes(self._prefix):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    stem = entry["Key"].removesuffix(JSON_SUFFIX)
                    # Files of backfills and feedback are in the same bucket, but are not results.
                    if stem == entry["Key"] or stem.startswith((RUNS, FEEDBACK)):
                        continue
                    if prefix == self._prefix or is_hashed(stem):
                        yield stem

    def _fetch(self, key: str) -> Fetched | None:
        try:
            document = self._read(key + JSON_SUFFIX)
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "404"):
                return None
            raise  # also 403, the answer for a missing object if s3:ListBucket is not allowed
        try:
            result: dict[str, Any] = json.loads(document)
            heatmap = result.get("heatmap")
            if result["status"] not in ("predicted", "rejected"):
                raise ValueError("status")
            if result["status"] == "predicted":
                float(result["pneumonia"])
            # Read from the known bucket, and ignore the bucket that the document names.
            png = self._read(str(heatmap["key"])) if heatmap else None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ServiceError(
                f"{key}{JSON_SUFFIX} in the results bucket is not a result of this project. "
                "Move it out of the bucket, then run the command again."
            ) from None
        if png is None:
            return Fetched(key, result, None)
        heatmap_file = f"{HEATMAP_FOLDER}/{file_stem(key)}.png"
        write_bytes(self._out / heatmap_file, png)
        return Fetched(key, result, heatmap_file)

    def _read(self, key: str) -> bytes:
        # `with` on the body would return the raw stream, which checks neither length nor checksum.
        with contextlib.closing(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]) as body:
            return body.read()


def file_stem(key: str) -> str:
    """Return a file name for an upload key: unique, and safe on any file system."""
    last = key.rpartition("/")[2]
    if _OWN_NAME.fullmatch(last):
        return last
    return f"{safe_stem(last)}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


class Patience:
    """Decides when to stop waiting for results."""

    def __init__(
        self, seconds: float, sqs: "SQSClient | None", queue_url: str | None, dead_letter_queue_url: str | None
    ) -> None:
        """`seconds`: the longest time without progress. Without SQS or one of the queues, only this time decides."""
        self._seconds = seconds
        self._sqs = sqs
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url
        self._stalled = 0
        self._last_news = time.monotonic()

    def news(self) -> None:
        """Restart the clock, because there was progress."""
        self._last_news = time.monotonic()
        self._stalled = 0

    @property
    def silent_seconds(self) -> float:
        """Seconds since the last progress."""
        return time.monotonic() - self._last_news

    def over(self) -> str | None:
        """Return the reason to stop waiting, or None to continue."""
        if self.silent_seconds > self._seconds:
            return (
                f"No new result for {self._seconds:g} s. Run `pneumonia results` later to fetch the remaining results."
            )
        return None

    def all_dead(self, waiting: int) -> bool:
        """Return whether all waiting uploads have failed permanently. Call this after each look without a result."""
        self._stalled = self._stalled + 1 if self._seem_dead(waiting) else 0
        return self._stalled >= _STALLED_LOOKS

    def _seem_dead(self, waiting: int) -> bool:
        if not waiting or self._sqs is None or self._queue_url is None or self._dead_letter_queue_url is None:
            return False
        with errors_in_words("The queues"):
            return count(self._sqs, self._queue_url) == 0 and count(self._sqs, self._dead_letter_queue_url) >= waiting
