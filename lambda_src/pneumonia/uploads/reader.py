"""Read results by key, for the function behind the Function URL."""

from pneumonia import aws
from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.names import HEATMAP_SUFFIX, result_key, upload_stem
from pneumonia.uploads.results import Order, Results


def read_result(bucket: str, upload_key: str) -> ResultDocument | None:
    """Return the result of an upload; None if there is none. Raises ClientError if S3 fails."""
    found = Results(aws.s3_for_callers(), bucket).find_document(upload_stem(upload_key))
    return None if found is None else found[1]


def read_heatmap(bucket: str, upload_key: str) -> bytes | None:
    """Return the heatmap PNG of an upload's result; None if there is none. Raises ClientError if S3 fails.

    The result decides which heatmap is valid. The stored heatmap may be from an earlier upload whose successor was
    rejected, or from a later upload whose result is not written yet.
    """
    results = Results(aws.s3_for_callers(), bucket)
    for _ in range(2):  # result and heatmap may be replaced between the two reads
        document = read_result(bucket, upload_key)
        if document is None or document.heatmap is None:
            return None
        found = results.find(result_key(upload_key, HEATMAP_SUFFIX))
        if found is None or _is_of(document, found[0]):
            return None if found is None else found[1]
    return None


def _is_of(document: ResultDocument, order: Order | None) -> bool:
    """Return False only if the heatmap with this order is known to belong to another upload than the result."""
    source = document.source
    return order is None or (order.version_id, order.sequencer) == (source.get("version_id"), source.get("sequencer"))
