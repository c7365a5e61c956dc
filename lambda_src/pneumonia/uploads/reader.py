"""Results as the function behind the Function URL reads them: by key, and nothing but that."""

from pneumonia import aws
from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.names import HEATMAP_SUFFIX, result_key, upload_stem
from pneumonia.uploads.results import Order, Results


def read_result(bucket: str, upload_key: str) -> ResultDocument | None:
    """The document that was written for an upload; None if there is none. Raises ClientError if S3 fails."""
    found = Results(aws.s3_for_callers(), bucket).find_document(upload_stem(upload_key))
    return None if found is None else found[1]


def read_heatmap(bucket: str, upload_key: str) -> bytes | None:
    """The PNG that belongs to the result of an upload; None if there is none. Raises ClientError if S3 fails.

    Only the result tells: a heatmap may lie there still from an upload whose successor was rejected, or already from
    one whose result is still to come.
    """
    results = Results(aws.s3_for_callers(), bucket)
    for _ in range(2):  # both may be replaced between the two reads
        document = read_result(bucket, upload_key)
        if document is None or document.heatmap is None:
            return None
        found = results.find(result_key(upload_key, HEATMAP_SUFFIX))
        if found is None or _is_of(document, found[0]):
            return None if found is None else found[1]
    return None


def _is_of(document: ResultDocument, order: Order | None) -> bool:
    """Whether a heatmap of this order is not known to be of another upload than the result."""
    source = document.source
    return order is None or (order.version_id, order.sequencer) == (source.get("version_id"), source.get("sequencer"))
