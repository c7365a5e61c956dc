"""Summarise a backfill from the files that Step Functions writes for a map run."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pneumonia.backfill.tally import Tally
from pneumonia.uploads.names import RUNS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SUMMARY_FILE = "summary.json"
_MANIFEST_FILE = "/manifest.json"


class ManifestUnreadable(Exception):
    """The files of the map run do not have the documented form. The error message never quotes the files."""


def summarise(
    s3: "S3Client", bucket: str, run: Mapping[str, Any], tolerated_percent: float, now: datetime
) -> dict[str, Any]:
    """Add up a run, write the summary to `<RUNS><execution>/summary.json`, and return the summary.

    `run` has `execution` (its name), `started`, and `given` with `bucket`, `prefix` and optionally `inventory` and
    `error` (`Error`, `Cause`). The summary is `acceptable` if the run has no `error`, and if errors of the service left
    at most `tolerated_percent` of the images without a prediction. Raises ManifestUnreadable, ClientError.
    """
    prefix = f"{RUNS}{run['execution']}/"
    tally, unfinished, errors = Tally(), Counter[str](), Counter[str]()
    manifest_key = _manifest_key(s3, bucket, prefix)
    if manifest_key is not None:
        for status, line in _lines(s3, bucket, manifest_key):
            if status == "SUCCEEDED":
                _add(tally, line)
            else:
                # The line of a child execution that failed or never started contains the input of the child, even with
                # an output transformation.
                unfinished[status.lower()] += _size_of(line)
                errors[str(line.get("Error") or status)] += 1
    lost = unfinished.total() + tally.failed
    seen = unfinished.total() + tally.items
    percent = round(100 * lost / seen, 2) if seen else 0.0
    given = run["given"]
    failure = given.get("error")
    summary = {
        "execution": run["execution"],
        "acceptable": failure is None and percent <= tolerated_percent,
        "started": run["started"],
        "finished": now.astimezone(UTC).isoformat(),
        "source": {name: given.get(name) for name in ("bucket", "prefix", "inventory")},
        "error": failure["Error"] if failure else None,
        "without_prediction_percent": percent,
        "tolerated_percent": tolerated_percent,
        "counts": tally.to_json(),
        "unfinished": dict(sorted(unfinished.items())),
        "batch_errors": dict(sorted(errors.items())),
        "manifest": {"bucket": bucket, "key": manifest_key} if manifest_key else None,
    }
    body = json.dumps(summary, ensure_ascii=False, indent=2).encode()
    s3.put_object(Bucket=bucket, Key=prefix + SUMMARY_FILE, Body=body, ContentType="application/json")
    return summary


def _manifest_key(s3: "S3Client", bucket: str, prefix: str) -> str | None:
    """Return the key of the manifest; None if there is none, for example because the listing failed."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            if entry["Key"].endswith(_MANIFEST_FILE):
                return entry["Key"]
    return None


def _lines(s3: "S3Client", bucket: str, manifest_key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (status, line) for every child execution.

    The files are read line by line, because large ones do not fit into memory.
    """
    with contextlib.closing(s3.get_object(Bucket=bucket, Key=manifest_key)["Body"]) as body:
        manifest = json.loads(body.read())
    try:
        files = [(status, file["Key"]) for status, entries in manifest["ResultFiles"].items() for file in entries]
    except (KeyError, TypeError, AttributeError):
        raise ManifestUnreadable("The manifest of the map run does not name its files.") from None
    for status, key in files:
        with contextlib.closing(s3.get_object(Bucket=bucket, Key=key)["Body"]) as body:
            for text in body.iter_lines():
                if not text.strip():
                    continue
                line = json.loads(text)
                if not isinstance(line, Mapping):
                    raise ManifestUnreadable("A file of the map run has a line that is not an object.")
                yield status, line


def _add(tally: Tally, counts: Mapping[str, Any]) -> None:
    try:
        tally.add(counts)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ManifestUnreadable(
            "A file of the map run has a line that does not contain the counts of a batch."
        ) from None


def _size_of(child: Mapping[str, Any]) -> int:
    try:
        given = child["Input"]
        return len((json.loads(given) if isinstance(given, str) else given)["Items"])
    except (KeyError, TypeError, ValueError):
        raise ManifestUnreadable("A file of the map run lacks the input of a batch.") from None
