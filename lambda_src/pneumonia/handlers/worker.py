"""Lambda handler of the upload queue: S3 events through SQS in, results in the results bucket out.

Every upload gets `<key>.json`, with status `predicted` or `rejected`. What is wrong with an image is a
result; what is wrong with us is raised, becomes a batch item failure, is tried again by SQS, and ends in the
dead-letter queue. The records of a batch overlap: S3 is waited for by several at once, computing is done by one.

A batch with a message that was delivered before is taken film by film, and each is decoded in another process: a film
that ended the function, which gave all its neighbours back to the queue, does so once.
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


# Never logs the event, whatever POWERTOOLS_LOGGER_LOG_EVENT says: it holds file names.
@logger.inject_lambda_context(log_event=False, clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process a batch of SQS messages. Returns {"batchItemFailures": [...]} with those to be tried again.

    Invoked directly with {"image": "<base64>"} it returns the prediction alone and stores nothing: so a release is
    checked before the queue feeds it. What is wrong is then raised.
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
    """Process the uploads of one message. Returns False if that failed for our own reasons, after logging why.

    `least`: the care that every message of the batch gets.
    """
    try:
        for upload in message.uploads():
            process_upload(upload, request_id, care=max(least, message.care))
    except Exception as error:
        # The id of the message leads from here to its place in the dead-letter queue.
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
        raise MalformedRequest("The worker fetches nothing: send the image itself.")
    return predictor.predict(source.data, request_id=context.aws_request_id, heatmap=False).body


load_in_init_phase(logger)
