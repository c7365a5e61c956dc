"""Fetches the results of a batch as they appear in the results bucket."""

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

_OWN_NAME = re.compile("[0-9a-f]{32}")  # as Journal.key_of makes them

_PROBES = 16
_ROUNDS = 8  # in one look, so that the uploads are not forgotten over it

_STALLED_LOOKS = 3
"""SQS counts are approximate: only what they say several times is believed."""


Waiting = dict[str, None]
"""Upload keys without a result yet, those that have waited longest first: a set with an order."""


@dataclass(frozen=True)
class Fetched:
    """One result. `heatmap_file` is relative to the output folder."""

    key: str
    result: dict[str, Any]
    heatmap_file: str | None


class Collector:
    """Looks into the results bucket under the prefix of a batch."""

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
        """Fetch all that has come, found by listing the bucket; answers of how many films it was.

        What has come is taken out of `waiting`.
        """
        with errors_in_words("Results in S3"):
            arrived = (key for key in self.keys() if key in waiting)
            return self._take(ordered_map(self._pool, self._fetch, arrived, ahead=_PROBES), waiting)

    def look(self, waiting: Waiting) -> int:
        """Ask for those that have waited longest, as long as some have come; answers as `catch_up`.

        Results come about in the order of the uploads, so this needs hardly more requests than there are
        results, while a listing would go through the whole batch each time. Those that have not come wait
        at the end of the line.
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
        """What the keys of all results under the prefix are without their suffix: mostly the keys of the uploads."""
        for prefix in stem_prefixes(self._prefix):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    stem = entry["Key"].removesuffix(JSON_SUFFIX)
                    # The files of a backfill and feedback lie in the same bucket and are no results.
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
            raise  # also 403, which stands for "not there" without s3:ListBucket: told as a lack of permission
        try:
            result: dict[str, Any] = json.loads(document)
            heatmap = result.get("heatmap")
            if result["status"] not in ("predicted", "rejected"):
                raise ValueError("status")
            if result["status"] == "predicted":
                float(result["pneumonia"])
            # The bucket is ours to know, whatever the document names.
            png = self._read(str(heatmap["key"])) if heatmap else None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ServiceError("The results bucket holds what is not a result of this project.") from None
        if png is None:
            return Fetched(key, result, None)
        heatmap_file = f"{HEATMAP_FOLDER}/{file_stem(key)}.png"
        write_bytes(self._out / heatmap_file, png)
        return Fetched(key, result, heatmap_file)

    def _read(self, key: str) -> bytes:
        # Not `with` the body itself: that gives the stream below it, which checks neither length nor checksum.
        with contextlib.closing(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]) as body:
            return body.read()


def file_stem(key: str) -> str:
    """A file name for an upload key: unique, and safe on any file system."""
    last = key.rpartition("/")[2]
    if _OWN_NAME.fullmatch(last):
        return last
    return f"{safe_stem(last)}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


class Patience:
    """Decides when waiting has become pointless."""

    def __init__(
        self, seconds: float, sqs: "SQSClient | None", queue_url: str | None, dead_letter_queue_url: str | None
    ) -> None:
        """Without SQS or without one of the queues, only the time decides."""
        self._seconds = seconds
        self._sqs = sqs
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url
        self._stalled = 0
        self._last_news = time.monotonic()

    def news(self) -> None:
        """Something moved: the clock starts again."""
        self._last_news = time.monotonic()
        self._stalled = 0

    @property
    def silent_seconds(self) -> float:
        """For how long nothing has moved."""
        return time.monotonic() - self._last_news

    def over(self) -> str | None:
        """Why the waiting ends, if nothing has moved for too long."""
        if self.silent_seconds > self._seconds:
            return f"No result came for {self._seconds:g} s. `pneumonia results` fetches what comes later."
        return None

    def all_dead(self, waiting: int) -> bool:
        """Whether all uploads that wait have failed for good. Ask after each look that brought nothing."""
        self._stalled = self._stalled + 1 if self._seem_dead(waiting) else 0
        return self._stalled >= _STALLED_LOOKS

    def _seem_dead(self, waiting: int) -> bool:
        if not waiting or self._sqs is None or self._queue_url is None or self._dead_letter_queue_url is None:
            return False
        with errors_in_words("The queues"):
            return count(self._sqs, self._queue_url) == 0 and count(self._sqs, self._dead_letter_queue_url) >= waiting
