"""Results as the function behind the Function URL reads them: by key, and nothing but that."""

import contextlib
import functools
import json
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from pneumonia.uploads.results import HEATMAP_SUFFIX, JSON_SUFFIX, Order, error_code, result_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Without s3:ListBucket, which this function has no other use for, S3 answers 403 where there is no object.
_NOT_THERE = frozenset({"NoSuchKey", "404", "AccessDenied", "403"})


def read_result(bucket: str, upload_key: str) -> dict[str, Any] | None:
    """The document that the worker wrote for an upload; None if there is none."""
    found = _read(bucket, result_key(upload_key, JSON_SUFFIX))
    return None if found is None else json.loads(found[0])


def read_heatmap(bucket: str, upload_key: str) -> bytes | None:
    """The PNG that belongs to the result of an upload; None if there is none.

    Only the result tells: a heatmap may lie there still from an upload whose successor was rejected, or already from
    one whose result is still to come.
    """
    for _ in range(2):  # both may be replaced between the two reads
        document = read_result(bucket, upload_key)
        if document is None or document.get("heatmap") is None:
            return None
        found = _read(bucket, result_key(upload_key, HEATMAP_SUFFIX))
        if found is None or _is_of(document, Order.from_metadata(found[1])):
            return None if found is None else found[0]
    return None


def _is_of(document: dict[str, Any], order: Order | None) -> bool:
    """Whether a heatmap of this order is not known to be of another upload than the result."""
    source = document.get("source", {})
    return order is None or (order.version_id, order.sequencer) == (source.get("version_id"), source.get("sequencer"))


def _read(bucket: str, key: str) -> tuple[bytes, dict[str, str]] | None:
    try:
        found = client().get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_code(error) in _NOT_THERE:
            return None
        raise
    with contextlib.closing(found["Body"]) as body:  # see worker.py
        return body.read(), found["Metadata"]


@functools.cache
def client() -> "S3Client":
    """The client of this process."""
    # Short timeouts: whoever asks for a result asks again.
    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 2})
    return boto3.client("s3", config=config)
