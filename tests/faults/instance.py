"""Run one instance of the worker function with its poller, in a process that may be killed at any call.

The instance takes batches from the queue, calls the handler, and deletes messages unless the handler reports them as
failed. The visibility timeout of the queue brings back failed messages, and messages of a process that died.
"""

import json
import os
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from pneumonia.decode import dispatch, isolated
from pneumonia.decode.image import DecodedImage
from pneumonia.decode.limits import Limits
from pneumonia_cli.local.lambda_context import LocalContext
from pneumonia_cli.local.names import UPLOAD_BUCKET
from pneumonia_cli.local.poller import _failed, _record
from pneumonia_cli.local.unlisted import absent_is_forbidden
from tests.faults import plan
from tests.faults.hooks import KILLED, Faults, Note

KILLERS = Path(__file__).parents[1] / "killers"

_PAUSE_SECONDS = 0.2

INACTIVE = 0.01
"""Share of the batches for which Lambda returns an error because the function is inactive."""


@dataclass(frozen=True)
class Setup:
    """Settings of an instance. If `faults` is false, only the contents of messages can cause errors."""

    number: int
    seed: int
    environment: Mapping[str, str]
    queue_url: str
    queue_arn: str
    batch_size: int
    folder: Path
    stall_seconds: float
    faults: bool

    @property
    def stop(self) -> Path:
        """The stop file. If it exists, instances end after their current batch."""
        return self.folder / "stop"


class Instance:
    """The instance of this process: it has the current batch, and writes notes on everything that happens."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._in_hand: list[str] = []
        self._idle = random.Random(f"idle-{setup.seed}-{setup.number}")  # noqa: S311
        self._notes = (setup.folder / f"notes-{setup.number}.jsonl").open("w", encoding="utf-8")

    def run(self) -> None:
        setup = self._setup
        if setup.faults:
            chance = random.Random(f"{setup.seed}-{setup.number}")  # noqa: S311
            Faults(chance, self._note_fault, setup.stall_seconds).install()
        else:
            boto3.setup_default_session()
        assert boto3.DEFAULT_SESSION is not None
        # The role may not list the results, so S3 returns 403 for a missing result.
        absent_is_forbidden(boto3.DEFAULT_SESSION, [UPLOAD_BUCKET])
        from pneumonia.handlers import worker  # imported after the hook is installed, so that its clients use the hook

        Killers(self._note_fault).install()

        log = (setup.folder / f"log-{setup.number}.jsonl").open("w", encoding="utf-8", buffering=1)
        worker.logger.registered_handler.setStream(log)  # type: ignore[attr-defined]
        config = Config(retries={"mode": "standard", "max_attempts": 2})
        sqs = boto3.client("sqs", config=config)
        while not setup.stop.exists():
            try:
                self._deliver(worker.handler, sqs)
            except EndpointConnectionError:  # the local cloud ended with its parent process
                return
            except (ClientError, BotoCoreError) as error:  # from SQS: the messages stay in the queue or come back
                self._note(failed=type(error).__name__, in_hand=self._in_hand)
            self._in_hand = []

    def _deliver(self, handler: Any, sqs: Any) -> None:
        setup = self._setup
        received = sqs.receive_message(
            QueueUrl=setup.queue_url,
            MaxNumberOfMessages=setup.batch_size,
            MessageSystemAttributeNames=["All"],
        )
        messages = received.get("Messages", [])
        if not messages:
            time.sleep(_PAUSE_SECONDS)  # no long polling, because the local queue serves one call at a time
            return
        self._in_hand = [message["MessageId"] for message in messages]
        self._note(delivered=self._in_hand)
        if setup.faults and self._idle.random() < INACTIVE:
            self._note_fault("inactive", "lambda.Invoke", [])  # the poller gets status 409, and the messages come back
            return
        event = {"Records": [_record(message, setup.queue_arn) for message in messages]}
        failed = _failed(handler(event, LocalContext("pneumonia-worker", 120, 1769)), set(self._in_hand))
        for message in messages:
            if message["MessageId"] not in failed:
                sqs.delete_message(QueueUrl=setup.queue_url, ReceiptHandle=message["ReceiptHandle"])

    def _note_fault(self, fault: str, call: str, lost: list[str]) -> None:
        self._note(fault=fault, call=call, in_hand=lost or self._in_hand)

    def _note(self, **what: Any) -> None:
        self._notes.write(json.dumps(what) + "\n")
        self._notes.flush()


class Killers:
    """Images that kill the function, in its process or in the process that decodes.

    In AWS, these images would exceed the function's limit of memory or time. Here, the function's process dies and the
    reason is noted. In the process that decodes, the decoders of `tests/killers` die or hang.
    """

    def __init__(self, note: Note) -> None:
        self._note = note

    def install(self) -> None:
        sys.path.insert(0, str(KILLERS))  # the process that decodes inherits this path
        vars(isolated)["decode"] = self._decode

    def _decode(self, data: bytes, limits: Limits, enough: int | None = None) -> DecodedImage:
        for text, _ in plan.KILLERS:
            if text in data:
                self._note("killer", text.decode(), [])
                os._exit(KILLED)
        return dispatch.decode(data, limits, enough)


def main(setup: Setup) -> None:
    """Run one instance: the main function of its process."""
    os.environ.update(setup.environment)
    Instance(setup).run()
