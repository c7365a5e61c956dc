"""`pneumonia redrive`: move the messages of the dead-letter queue back to the upload queue."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pneumonia_cli.client import output
from pneumonia_cli.client.aws import errors_in_words, is_aws
from pneumonia_cli.client.errors import ServiceError
from pneumonia_cli.client.queues import BATCH, EMPTY_RECEIVES, count
from pneumonia_cli.client.records import print_record
from pneumonia_cli.client.shape import Shape

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageBatchRequestEntryTypeDef

_LOOK_EVERY_SECONDS = 2.0

OnProgress = Callable[[int, int], None]
"""Called with the number of moved messages and the total."""


@dataclass(frozen=True)
class Redriven:
    """`found`: SQS's approximate count at the start. `moved`: how many messages were moved back."""

    found: int
    moved: int


def run(sqs: "SQSClient", dead_letter_queue_url: str, queue_url: str, *, shape: Shape = Shape.TABLE) -> int:
    """Move all messages, print how many, and return the exit code. Raises ServiceError."""
    with output.progress() as bars, errors_in_words("The dead-letter queue"):
        task = bars.add_task("Moving", total=None)
        redriven = redrive(
            sqs, dead_letter_queue_url, queue_url, lambda moved, of: bars.update(task, completed=moved, total=of)
        )
    if shape.for_programs:
        print_record({"found": redriven.found, "moved": redriven.moved}, shape)
    elif redriven.moved:
        output.stdout.print(f"Moved {redriven.moved} messages back to the queue. The worker tries them again now.")
    else:
        output.stdout.print("The dead-letter queue is empty. There is nothing to do.")
    return 0


def redrive(sqs: "SQSClient", dead_letter_queue_url: str, queue_url: str, on_progress: OnProgress) -> Redriven:
    """Move all messages: on AWS with a message move task of SQS, elsewhere batch by batch.

    Raises ServiceError if the task fails, and botocore's errors.
    """
    found = count(sqs, dead_letter_queue_url)
    if not found:
        return Redriven(0, 0)
    on_progress(0, found)
    if is_aws(sqs.meta.endpoint_url):
        moved = _by_task(sqs, dead_letter_queue_url, queue_url, found, on_progress)
    else:  # moto and other emulators have no message move task
        moved = _by_hand(sqs, dead_letter_queue_url, queue_url, found, on_progress)
    return Redriven(found, moved)


def _by_task(sqs: "SQSClient", source_url: str, target_url: str, found: int, on_progress: OnProgress) -> int:
    source = _arn(sqs, source_url)
    sqs.start_message_move_task(SourceArn=source, DestinationArn=_arn(sqs, target_url))
    while True:
        # The newest task is first, and only one can run at a time.
        task = sqs.list_message_move_tasks(SourceArn=source, MaxResults=1)["Results"][0]
        moved = task.get("ApproximateNumberOfMessagesMoved", 0)
        on_progress(moved, max(found, moved))
        status = task.get("Status")
        if status == "COMPLETED":
            return moved
        if status not in ("RUNNING", "CREATED"):
            reason = task.get("FailureReason", "no reason was given")
            raise ServiceError(
                f"Moving the messages ended with the status {status} after {moved} messages: {reason}. "
                "Run the command again."
            )
        time.sleep(_LOOK_EVERY_SECONDS)


def _by_hand(sqs: "SQSClient", source_url: str, target_url: str, found: int, on_progress: OnProgress) -> int:
    """Send first, then delete. A stop in between leaves a message in both queues, which the worker tolerates."""
    moved = empty = 0
    # Stop at the number found at the start: messages that fail again meanwhile would circulate forever.
    while moved < found and empty < EMPTY_RECEIVES:
        received = sqs.receive_message(
            QueueUrl=source_url, MaxNumberOfMessages=min(BATCH, found - moved), WaitTimeSeconds=1
        )
        messages = received.get("Messages", [])
        empty = 0 if messages else empty + 1
        if messages:
            moved += _move(sqs, source_url, target_url, messages)
            on_progress(moved, found)
    return moved


def _move(sqs: "SQSClient", source_url: str, target_url: str, messages: list["MessageTypeDef"]) -> int:
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(index), "MessageBody": message["Body"]} for index, message in enumerate(messages)
    ]
    sent = sqs.send_message_batch(QueueUrl=target_url, Entries=entries)
    arrived = [int(entry["Id"]) for entry in sent.get("Successful", [])]
    if arrived:
        sqs.delete_message_batch(
            QueueUrl=source_url,
            Entries=[{"Id": str(index), "ReceiptHandle": messages[index]["ReceiptHandle"]} for index in arrived],
        )
    if len(arrived) < len(messages):
        raise ServiceError(f"SQS accepted {len(arrived)} of {len(messages)} messages. Run the command again.")
    return len(arrived)


def _arn(sqs: "SQSClient", queue_url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
