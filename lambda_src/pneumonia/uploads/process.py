"""One upload from its object in S3 to its result there: for the queue and for the backfill.

What is wrong with an image becomes a result with status `rejected`; what is wrong with us is raised.
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

# 412: without versions, the object has been replaced since the event; its successor has an event of its own.
_UPLOAD_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404", "PreconditionFailed", "412"})

# The object is there, in a storage class or an access tier that has to be restored from before it can be read.
_ARCHIVED = "InvalidObjectState"

_FAILED = (
    "The service ended, or failed for reasons of its own, at every delivery of this image. It is in the dead-letter "
    "queue; look at the file before it is tried again."
)

logger = Logger()
# One film at a time is decoded and predicted: on one CPU two would take as long, and twice the memory.
_computing = threading.Lock()
_starting = threading.Lock()


def process_upload(
    upload: Upload, request_id: str, function: str = metrics.WORKER, care: Care = Care.USUAL
) -> tuple[WriteOutcome, ResultDocument]:
    """Predict one upload and store its result, unless that of a newer event is there. Returns what became of the
    result, and the result.

    `function` is what the metrics are written for. With `care` an image is decoded in another process; before its last
    chance a result is put there that says that it failed, and that any other takes the place of.
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
    # What is restored later may be predicted by a backfill: this result is none that lasts.
    archived = document.content.get("code") == ObjectArchived.code
    outcome = store(results, upload, document, png, provisional=archived)
    if outcome is WriteOutcome.WRITTEN:  # so that what is delivered twice counts once
        _count(function, document)
    logger.info(
        "processed",
        status=document.status,
        error_code=document.content.get("code"),
        outcome=outcome.value,
        image_format=document.content.get("image", {}).get("format"),
        timing_ms=document.content.get("timing_ms"),
    )
    # Last: if it fails, the message comes back and finds its result there.
    finished_events.announce(results, upload, document, outcome)
    return outcome, document


def results_store() -> Results:
    """The results bucket. Raises SettingsError if it is not set."""
    bucket = process_settings().results_bucket
    if bucket is None:
        raise SettingsError("RESULTS_BUCKET must name the bucket for the results.")
    return Results(aws.s3(), bucket)


def _ready() -> tuple[Predictor, Results]:
    """What every upload needs, made once: by one thread, since making a boto3 client is not safe in two at a time."""
    with _starting:
        if process_settings().event_bus:
            aws.events()
        return process_predictor(), results_store()


def _named(correlation_id: str) -> str:
    """Put a correlation id into every line that is logged for this upload, and return it."""
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
    """Write a result, and first its heatmap if there is one, unless a newer event has its own. A `provisional` one has
    no heatmap. Raises what `Results.put_if_newer` raises."""
    if png is None:
        return results.put_document(upload, document, provisional=provisional)
    order = Order.of(upload)
    # A newer event that was rejected left no heatmap for ours to be compared with: its JSON tells. Should it
    # come just after this look, our heatmap stays, and counts for nothing, since no JSON names it.
    if results.has_newer(upload.result_stem + JSON_SUFFIX, order):
        return WriteOutcome.STALE
    # First the heatmap, then the JSON that points to it: whoever sees the JSON finds both.
    key = upload.result_stem + HEATMAP_SUFFIX
    # Conditional writes tell objects by their content: a film uploaded again has the heatmap of the first time, and
    # a writer that saw the first must not take the second for it.
    png = tagged(png, correlation.of_object(upload))
    if results.put_if_newer(key, png, "image/png", order) is WriteOutcome.STALE:
        return WriteOutcome.STALE  # the newer event has its JSON under way; ours would point to its heatmap
    return results.put_document(upload, document.with_heatmap(results.bucket, key))


def _open(upload: Upload) -> "GetObjectOutputTypeDef":
    """The object that the event speaks of, its metadata read and its body not. Raises UploadMissing, ObjectArchived."""
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
    """Raises TooLarge before reading: what the event says of the size is not asked."""
    # Not `with` the body itself: that gives the stream below it, which checks neither length nor checksum.
    with contextlib.closing(found["Body"]) as body:
        size = found["ContentLength"]
        if size > max_bytes:
            raise TooLarge(f"The image has {size} bytes, the limit is {max_bytes}. Upload a smaller file.")
        return body.read()
