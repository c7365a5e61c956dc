"""Results as the function behind the Function URL reads them: by key, and nothing but that."""

import contextlib

from botocore.exceptions import ClientError

from pneumonia import aws
from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.results import HEATMAP_SUFFIX, JSON_SUFFIX, Order, error_code, result_key

# Without s3:ListBucket, which this function has no other use for, S3 answers 403 where there is no object.
_NOT_THERE = frozenset({"NoSuchKey", "404", "AccessDenied", "403"})


def read_result(bucket: str, upload_key: str) -> ResultDocument | None:
    """The document that the worker wrote for an upload; None if there is none."""
    found = _read(bucket, result_key(upload_key, JSON_SUFFIX))
    return None if found is None else ResultDocument.parse(found[0])


def read_heatmap(bucket: str, upload_key: str) -> bytes | None:
    """The PNG that belongs to the result of an upload; None if there is none.

    Only the result tells: a heatmap may lie there still from an upload whose successor was rejected, or already from
    one whose result is still to come.
    """
    for _ in range(2):  # both may be replaced between the two reads
        document = read_result(bucket, upload_key)
        if document is None or document.heatmap is None:
            return None
        found = _read(bucket, result_key(upload_key, HEATMAP_SUFFIX))
        if found is None or _is_of(document, Order.from_metadata(found[1])):
            return None if found is None else found[0]
    return None


def _is_of(document: ResultDocument, order: Order | None) -> bool:
    """Whether a heatmap of this order is not known to be of another upload than the result."""
    source = document.source
    return order is None or (order.version_id, order.sequencer) == (source.get("version_id"), source.get("sequencer"))


def _read(bucket: str, key: str) -> tuple[bytes, dict[str, str]] | None:
    try:
        found = aws.s3_for_callers().get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_code(error) in _NOT_THERE:
            return None
        raise
    with contextlib.closing(found["Body"]) as body:  # see process.py
        return body.read(), found["Metadata"]
