"""Delete the messages about selected uploads from the dead-letter queue."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pneumonia.uploads.events import NotAnS3Event, parse_message
from pneumonia_cli.client.queues import BATCH, EMPTY_RECEIVES, count

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# Long enough that no message is received twice during a pass over thousands of messages.
_HIDDEN_SECONDS = 300

Covers = Callable[[str], bool]
"""Returns whether an upload key is selected."""


def forget(sqs: "SQSClient", queue_url: str, covers: Covers, *, really: bool) -> int:
    """Delete the messages whose uploads are all selected, and return their number. The other messages stay.

    Messages that were read are hidden until the function ends. Raises botocore's errors.
    """
    total = count(sqs, queue_url)
    seen: dict[str, MessageTypeDef] = {}
    found = empty = 0
    try:
        while len(seen) + (found if really else 0) < total and empty < EMPTY_RECEIVES:
            received = sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=BATCH, WaitTimeSeconds=1, VisibilityTimeout=_HIDDEN_SECONDS
            )
            messages = received.get("Messages", [])
            empty = 0 if messages else empty + 1
            for message in messages:
                meant = _is_of(message["Body"], covers)
                found += meant
                if meant and really:
                    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
                else:
                    seen[message["MessageId"]] = message
    finally:
        for message in seen.values():
            sqs.change_message_visibility(
                QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )
    return found


def _is_of(body: str, covers: Covers) -> bool:
    try:
        uploads = parse_message(body)
    except NotAnS3Event:
        return False
    return bool(uploads) and all(covers(upload.key) for upload in uploads)
