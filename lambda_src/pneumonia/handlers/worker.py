"""Lambda handler of the upload queue: S3 events through SQS in, results in the results bucket out.

Every upload gets `<key>.json`, with status `predicted` or `rejected`. What is wrong with an image is a
result; what is wrong with us is raised, becomes a batch item failure, is tried again by SQS, and ends in the
dead-letter queue. The records of a batch overlap: S3 is waited for by several at once, computing is done by one.
"""

import contextlib
import functools
import json
import threading
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import ClientError

from pneumonia import metrics
from pneumonia.errors import MalformedRequest, PneumoniaError, TooLarge, UploadMissing, log_fields, rejects
from pneumonia.handlers.startup import load_in_init_phase
from pneumonia.http.requests import FORCE, InlineImage, from_json, wants
from pneumonia.model.heatmap import tagged
from pneumonia.predictor import Answer, Predictor, process_predictor
from pneumonia.settings import SettingsError, process_settings
from pneumonia.uploads import correlation, finished_events
from pneumonia.uploads.concurrency import OverlappingProcessor
from pneumonia.uploads.document import rejected
from pneumonia.uploads.events import Upload, parse_message
from pneumonia.uploads.results import HEATMAP_SUFFIX, JSON_SUFFIX, Order, Outcome, Results, error_code, result_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

# 412: without versions, the object has been replaced since the event; its successor has an event of its own.
_UPLOAD_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404", "PreconditionFailed", "412"})

logger = Logger()
# One film at a time is decoded and predicted: on one CPU two would take as long, and twice the memory.
_computing = threading.Lock()
_starting = threading.Lock()


def _lane(record: dict[str, Any]) -> object:
    """The object that a record is of: events of one object stay in their order, so that they never meet each other."""
    try:
        upload = parse_message(record["body"])[0]
    except Exception:  # handling the record will say what is wrong with it, or that nothing is in it
        return record["messageId"]
    return upload.bucket, upload.key


processor = OverlappingProcessor(_lane)


# Never logs the event, whatever POWERTOOLS_LOGGER_LOG_EVENT says: it holds file names.
@logger.inject_lambda_context(log_event=False, clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse | dict[str, Any]:
    """Process a batch of SQS messages; answers {"batchItemFailures": [...]} with those to be tried again.

    Invoked directly with {"image": "<base64>"} it gives the answer alone and stores nothing: so a release is
    checked before the queue feeds it. What is wrong is then raised.
    """
    if "Records" not in event:
        return _answer_directly(event, context)
    metrics.cold_start(metrics.WORKER)
    return process_partial_response(event, handle_record, processor, context)


def _answer_directly(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    predictor = process_predictor()
    source = from_json(event, predictor.limits.max_bytes)
    if not isinstance(source, InlineImage):
        raise MalformedRequest("The worker fetches nothing: send the image itself.")
    return predictor.answer(source.data, request_id=context.aws_request_id, heatmap=False).body


# Powertools passes the record under this very name, and the context if it is asked for.
def handle_record(record: SQSRecord, lambda_context: LambdaContext) -> None:
    """Process one message. Raises whatever failed for our own reasons."""
    try:
        for upload in parse_message(record.body):
            process_upload(upload, lambda_context.aws_request_id)
    except Exception as error:
        # The id of the message leads from here to its place in the dead-letter queue.
        logger.error(
            "record failed, it goes back to the queue",
            message_id=record.message_id,
            receive_count=record.attributes.approximate_receive_count,
            **log_fields(error),
        )
        raise
    finally:
        logger.thread_safe_clear_keys()


def process_upload(upload: Upload, request_id: str, function: str = metrics.WORKER) -> tuple[Outcome, dict[str, Any]]:
    """Predict one upload and store its result, unless that of a newer event is there; what became of it, and it.

    `function` is what the metrics are written for.
    """
    predictor, results = _ready()
    correlation_id = _named(correlation.derived(upload))
    answer: Answer | None = None
    try:
        found = _open(upload)
        correlation_id = _named(correlation.carried(found["Metadata"]) or correlation_id)
        data = _read(found, predictor.limits.max_bytes)
        force = wants(FORCE, found["Metadata"].get(FORCE))
        with _computing:
            answer = predictor.answer(data, request_id=request_id, heatmap=True, force=force)
        document = {"status": "predicted", **answer.body}
    except PneumoniaError as error:
        if not rejects(error):
            raise
        document = rejected(error, request_id, predictor.card)
    document["correlation_id"] = correlation_id
    document["source"] = upload.source
    outcome = _store(results, upload, document, answer.heatmap_png if answer else None)
    if outcome is Outcome.WRITTEN:  # so that what is delivered twice counts once
        _count(function, document)
    logger.info(
        "processed",
        status=document["status"],
        error_code=document.get("code"),
        outcome=outcome.value,
        image_format=document.get("image", {}).get("format"),
        timing_ms=document.get("timing_ms"),
    )
    # Last: if it fails, the message comes back and finds its result there.
    finished_events.announce(results, upload, document, outcome)
    return outcome, document


def _ready() -> tuple[Predictor, Results]:
    """What every upload needs, made once: by one thread, since making a boto3 client is not safe in two at a time."""
    with _starting:
        if process_settings().event_bus is not None:
            finished_events.client()
        return process_predictor(), results_store()


def _named(correlation_id: str) -> str:
    """Put a correlation id into every line that is logged for this message, and answer it."""
    logger.thread_safe_append_keys(correlation_id=correlation_id)
    return correlation_id


def _count(function: str, document: dict[str, Any]) -> None:
    if document["status"] == "predicted":
        metrics.prediction(function, document)
    else:
        metrics.rejection(function, document["code"])


def _store(results: Results, upload: Upload, document: dict[str, Any], png: bytes | None) -> Outcome:
    order = Order.of(upload)
    json_key = result_key(upload.result_name, JSON_SUFFIX)
    document["heatmap"] = None
    if png is not None:
        # A newer event that was rejected left no heatmap for ours to be compared with: its JSON tells. Should it
        # come just after this look, our heatmap stays, and counts for nothing, since no JSON names it.
        if results.has_newer(json_key, order):
            return Outcome.STALE
        # First the heatmap, then the JSON that points to it: whoever sees the JSON finds both.
        key = result_key(upload.result_name, HEATMAP_SUFFIX)
        # Conditional writes tell objects by their content: a film uploaded again has the heatmap of the first time, and
        # a writer that saw the first must not take the second for it.
        png = tagged(png, correlation.of_object(upload))
        if results.put_if_newer(key, png, "image/png", order) is Outcome.STALE:
            return Outcome.STALE  # the newer event has its JSON under way; ours would point to its heatmap
        document["heatmap"] = {"bucket": results.bucket, "key": key}
    body = json.dumps(document, ensure_ascii=False, indent=2).encode()
    return results.put_if_newer(json_key, body, "application/json", order)


def _open(upload: Upload) -> "GetObjectOutputTypeDef":
    """The object that the event speaks of, its metadata read and its body not. Raises UploadMissing."""
    try:
        return _get(upload)
    except ClientError as error:
        if error_code(error) in _UPLOAD_GONE:
            raise UploadMissing(
                "The uploaded object was removed or replaced before it could be read. Upload it again."
            ) from error
        raise


def _read(found: "GetObjectOutputTypeDef", max_bytes: int) -> bytes:
    """Raises TooLarge before reading: what the event says of the size is not asked."""
    # Not `with` the body itself: that gives the stream below it, which checks neither length nor checksum.
    with contextlib.closing(found["Body"]) as body:
        size = found["ContentLength"]
        if size > max_bytes:
            raise TooLarge(f"The image has {size} bytes, the limit is {max_bytes}. Upload a smaller file.")
        return body.read()


def _get(upload: Upload) -> "GetObjectOutputTypeDef":
    if upload.version_id is not None:
        return _s3().get_object(Bucket=upload.bucket, Key=upload.key, VersionId=upload.version_id)
    return _s3().get_object(Bucket=upload.bucket, Key=upload.key, IfMatch=upload.etag)


@functools.cache
def _s3() -> "S3Client":
    # Short timeouts: SQS repeats better than a call that hangs until the function's own timeout.
    config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
    return boto3.client("s3", config=config)


def results_store() -> Results:
    """The results bucket. Raises SettingsError if it is not set."""
    bucket = process_settings().results_bucket
    if bucket is None:
        raise SettingsError("RESULTS_BUCKET must name the bucket for the results.")
    return Results(_s3(), bucket)


load_in_init_phase(logger)
