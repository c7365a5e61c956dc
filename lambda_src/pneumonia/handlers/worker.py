"""Lambda handler of the upload queue: reads S3 events from SQS, and writes results to the results bucket.

Every upload gets `<key>.json`, with status `predicted` or `rejected`. An error in an image becomes a result. A failure
of the service becomes a batch item failure: SQS tries again, and finally moves the message to the dead-letter queue.
The S3 calls of a batch overlap, but only one image at a time is decoded and predicted.

An image can crash the function, which returns the whole batch to the queue. If a message was delivered before, its
batch is therefore processed image by image, and each image is decoded in a separate process. An image can crash the
function only once.
"""

import functools
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from pneumonia import metrics
from pneumonia.errors import MalformedRequest, log_fields
from pneumonia.handlers.startup import load_in_init_phase
from pneumonia.http.images import InlineImage, from_json
from pneumonia.predictor import process_predictor
from pneumonia.uploads.concurrency import IN_FLIGHT, overlapping
from pneumonia.uploads.events import Care, Message
from pneumonia.uploads.process import process_upload

logger = Logger()


# Never logs the event, even if POWERTOOLS_LOGGER_LOG_EVENT is set, because it contains file names.
@logger.inject_lambda_context(log_event=False, clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process a batch of SQS messages. Return {"batchItemFailures": [...]} with the messages to retry.

    A direct invoke with {"image": "<base64>"} returns only the prediction and stores nothing. The release
    check uses this before the queue uses the new version. Errors of a direct invoke are raised.
    """
    if "Records" not in event:
        return _predict(event, context)
    metrics.cold_start(metrics.WORKER)
    messages = [Message.from_record(record) for record in event["Records"]]
    again = any(message.care > Care.USUAL for message in messages)
    least = Care.APART if again else Care.USUAL
    handle = functools.partial(_handle, request_id=context.aws_request_id, least=least)
    handled = overlapping(messages, Message.lane, handle, in_flight=1 if again else IN_FLIGHT)
    failed = [message for message, done in zip(messages, handled, strict=True) if not done]
    return {"batchItemFailures": [{"itemIdentifier": message.id} for message in failed]}


def _handle(message: Message, request_id: str, least: Care) -> bool:
    """Process the uploads of one message. Return False, after logging the reason, if the service failed.

    `least`: the lowest `Care` for a message of this batch.
    """
    try:
        for upload in message.uploads():
            process_upload(upload, request_id, care=max(least, message.care))
    except Exception as error:
        # The id identifies the message in the dead-letter queue.
        logger.error(
            "record failed, it goes back to the queue",
            message_id=message.id,
            receive_count=str(message.receive_count),
            **log_fields(error),
        )
        return False
    finally:
        logger.thread_safe_clear_keys()
    return True


def _predict(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    predictor = process_predictor()
    source = from_json(event, predictor.limits.max_image_bytes)
    if not isinstance(source, InlineImage):
        raise MalformedRequest("The worker does not fetch URLs. Send the image itself.")
    return predictor.predict(source.data, request_id=context.aws_request_id, heatmap=False).body


load_in_init_phase(logger)
