"""Take batches from the queue and pass them to the worker, as the event source mapping of Lambda does."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.lambda_context import LocalContext
from pneumonia_cli.local.names import REGION

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

logger = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any], Any], Any]

WAIT_SECONDS = 1  # of one long poll, so stopping takes up to this long
RETRY_SECONDS = 1
"""Wait before a failed message is delivered again. AWS waits for the visibility timeout, which is minutes."""


class Poller:
    """Deliver the messages of the upload queue to a handler, one batch at a time, as to one function instance."""

    def __init__(
        self, cloud: Cloud, handler: Handler, new_context: Callable[[], LocalContext], batch_size: int
    ) -> None:
        self._cloud = cloud
        self._handler = handler
        self._new_context = new_context
        self._batch_size = batch_size

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Poll in a thread during a `with` block. At the end the current batch is finished."""
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(stop,), name="poller", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.poll(WAIT_SECONDS)

    def poll(self, wait_seconds: int = 0) -> int:
        """Deliver one batch. Returns the number of delivered messages, including failed ones."""
        received = self._cloud.sqs.receive_message(
            QueueUrl=self._cloud.queue_url,
            MaxNumberOfMessages=self._batch_size,
            WaitTimeSeconds=wait_seconds,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages = received.get("Messages", [])
        if not messages:
            return 0
        failed = self._deliver(messages)
        for message in messages:
            if message["MessageId"] in failed:
                self._cloud.sqs.change_message_visibility(
                    QueueUrl=self._cloud.queue_url,
                    ReceiptHandle=message["ReceiptHandle"],
                    VisibilityTimeout=RETRY_SECONDS,
                )
        done = [message for message in messages if message["MessageId"] not in failed]
        if done:
            self._cloud.sqs.delete_message_batch(
                QueueUrl=self._cloud.queue_url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]} for index, message in enumerate(done)
                ],
            )
        return len(messages)

    def _deliver(self, messages: Sequence["MessageTypeDef"]) -> set[str]:
        """Call the handler. Returns the ids of the messages to deliver again."""
        ids = {message["MessageId"] for message in messages}
        event = {"Records": [_record(message, self._cloud.queue_arn) for message in messages]}
        try:
            answer = self._handler(event, self._new_context())
        except Exception:  # if the function fails, its whole batch fails
            logger.exception("the worker raised, its whole batch will be delivered again")
            return ids
        return _failed(answer, ids)


def _record(message: "MessageTypeDef", queue_arn: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def _failed(answer: Any, ids: set[str]) -> set[str]:
    """Read a partial batch response as Lambda does.

    None or an empty list means that all messages succeeded. A list that is malformed, or names a message outside of the
    batch, means that all failed.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    if answer is None or answer == {}:
        return set()
    if not isinstance(answer, Mapping):
        return ids
    failures = answer.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return ids
    named = {item.get("itemIdentifier") if isinstance(item, Mapping) else None for item in failures}
    return {str(name) for name in named} if named <= ids else ids
