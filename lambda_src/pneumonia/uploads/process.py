"""Process one upload, from its object in S3 to its result there, for the queue and for the backfill.

If the image cannot be predicted, the result has the status `rejected`. Errors of the service are raised.
"""

import contextlib
import threading
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from pneumonia import aws, metrics
from pneumonia.errors import ObjectArchived, PneumoniaError, ProcessingFailed, TooLarge, UploadMissing, rejects
from pneumonia.model.png import tagged
from pneumonia.options import FORCE, is_wanted
from pneumonia.predictor import Prediction, Predictor, process_predictor
from pneumonia.settings import SettingsError, process_settings
from pneumonia.uploads import correlation, finished_events
from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.events import Care, Upload
from pneumonia.uploads.names import HEATMAP_SUFFIX, JSON_SUFFIX
from pneumonia.uploads.results import Order, Results, WriteOutcome, error_code

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

# 412: in a bucket without versions, the object was replaced after the event. The new object has a separate event.
_UPLOAD_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404", "PreconditionFailed", "412"})

# The object is in an archive storage class or tier. It must be restored before it can be read.
_ARCHIVED = "InvalidObjectState"

_FAILED = (
    "The service failed at every attempt to process this image. The message is in the dead-letter queue. Check the "
    "file before you process it again."
)

logger = Logger()
# Decode and predict one image at a time. On one CPU, two at once would not be faster but would need twice the memory.
_computing = threading.Lock()
_starting = threading.Lock()


def process_upload(
    upload: Upload, request_id: str, function: str = metrics.WORKER, care: Care = Care.USUAL
) -> tuple[WriteOutcome, ResultDocument]:
    """Predict one upload and store its result, unless the result of a newer event exists.

    Return the outcome of the write, and the result. `function`: the name of the function in the metrics. `care`: with
    APART and LAST, the image is decoded in another process. With LAST, a provisional result that reports a failure is
    stored first, and any other result replaces it.
    """
    predictor, results = _ready()
    correlation_id = _named(correlation.derived(upload))
    prediction: Prediction | None = None
    try:
        found = _open(upload)
        correlation_id = _named(correlation.carried(found["Metadata"]) or correlation_id)
        data = _read(found, predictor.limits.max_image_bytes)
        force = is_wanted(FORCE, found["Metadata"].get(FORCE))
        if care is Care.LAST:
            failed = ResultDocument.rejected(
                upload, correlation_id, ProcessingFailed(_FAILED), request_id, predictor.card
            )
            results.put_document(upload, failed, provisional=True)
        with _computing:
            prediction = predictor.predict(
                data, request_id=request_id, heatmap=True, force=force, apart=care is not Care.USUAL
            )
        document = ResultDocument.predicted(upload, correlation_id, prediction.body)
    except PneumoniaError as error:
        if not rejects(error):
            raise
        document = ResultDocument.rejected(upload, correlation_id, error, request_id, predictor.card)
    png = prediction.heatmap_png if prediction else None
    # A backfill may predict the object after it was restored, so this result is provisional.
    archived = document.content.get("code") == ObjectArchived.code
    outcome = store(results, upload, document, png, provisional=archived)
    if outcome is WriteOutcome.WRITTEN:  # a message delivered twice counts once
        _count(function, document)
    logger.info(
        "processed",
        status=document.status,
        error_code=document.content.get("code"),
        outcome=outcome.value,
        image_format=document.content.get("image", {}).get("format"),
        timing_ms=document.content.get("timing_ms"),
    )
    # The event is sent last: if sending fails, the message returns to the queue, and the next attempt finds the result.
    finished_events.announce(results, upload, document, outcome)
    return outcome, document


def results_store() -> Results:
    """Return the results bucket. Raises SettingsError if the setting is missing."""
    bucket = process_settings().results_bucket
    if bucket is None:
        raise SettingsError("RESULTS_BUCKET must name the bucket for the results.")
    return Results(aws.s3(), bucket)


def _ready() -> tuple[Predictor, Results]:
    """Return the predictor and the results bucket.

    Only one thread at a time creates them, because creating boto3 clients is not thread-safe.
    """
    with _starting:
        if process_settings().event_bus:
            aws.events()
        return process_predictor(), results_store()


def _named(correlation_id: str) -> str:
    """Add a correlation id to every log line of this upload, and return it."""
    logger.thread_safe_append_keys(correlation_id=correlation_id)
    return correlation_id


def _count(function: str, document: ResultDocument) -> None:
    if document.status == "predicted":
        metrics.prediction(function, document.content)
    else:
        metrics.rejection(function, document.content["code"])


def store(
    results: Results, upload: Upload, document: ResultDocument, png: bytes | None, *, provisional: bool = False
) -> WriteOutcome:
    """Write the heatmap, if there is one, and then the result, unless a newer event has a result.

    A `provisional` result has no heatmap. Raises the errors of `Results.put_if_newer`.
    """
    if png is None:
        return results.put_document(upload, document, provisional=provisional)
    order = Order.of(upload)
    # If the image of a newer event was rejected, there is no heatmap to compare with, so check the JSON. If the newer
    # JSON is written just after this check, this heatmap stays in the bucket, but no JSON names it.
    if results.has_newer(upload.result_stem + JSON_SUFFIX, order):
        return WriteOutcome.STALE
    # The heatmap is written before the JSON that names it, so readers of the JSON find both.
    key = upload.result_stem + HEATMAP_SUFFIX
    # Conditional writes distinguish objects only by their content. The tag makes the heatmaps of two uploads of the
    # same image differ.
    png = tagged(png, correlation.of_object(upload))
    if results.put_if_newer(key, png, "image/png", order) is WriteOutcome.STALE:
        return WriteOutcome.STALE  # a newer event will write its JSON; this JSON would name the wrong heatmap
    return results.put_document(upload, document.with_heatmap(results.bucket, key))


def _open(upload: Upload) -> "GetObjectOutputTypeDef":
    """Open the object of the event without reading its body. Raises UploadMissing, ObjectArchived."""
    try:
        return _get(upload)
    except ClientError as error:
        if error_code(error) in _UPLOAD_GONE:
            raise UploadMissing(
                "The uploaded object was removed or replaced before it could be read. Upload it again."
            ) from error
        if error_code(error) == _ARCHIVED:
            raise ObjectArchived(
                "The object is in an archive storage class or tier and cannot be read. Upload it again in another "
                "storage class, or restore it and start a backfill."
            ) from error
        raise


def _get(upload: Upload) -> "GetObjectOutputTypeDef":
    if upload.version_id is not None:
        return aws.s3().get_object(Bucket=upload.bucket, Key=upload.key, VersionId=upload.version_id)
    return aws.s3().get_object(Bucket=upload.bucket, Key=upload.key, IfMatch=upload.etag)


def _read(found: "GetObjectOutputTypeDef", max_bytes: int) -> bytes:
    """Return the body. Raises TooLarge before reading, if the object is too large.

    The size in the event is not used.
    """
    # Do not use `with` on the body. It returns the underlying stream, which checks neither length nor checksum.
    with contextlib.closing(found["Body"]) as body:
        size = found["ContentLength"]
        if size > max_bytes:
            raise TooLarge(f"The image has {size} bytes, but the limit is {max_bytes}. Upload a smaller file.")
        return body.read()
