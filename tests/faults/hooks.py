"""Inject faults into an instance's calls of AWS. A botocore hook sees every request before it is sent.

The hook also shortens the waits between botocore's retries. Nothing else in botocore changes.
"""

import io
import json
import os
import random
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

import boto3
import botocore.endpoint
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from urllib3 import HTTPResponse

KILLED: Final = 137
_WAIT_SHARE = 0.02

RATES: Final = {
    "throttled": 0.012,  # 503 SlowDown; the call is not carried out
    "failed": 0.008,  # 500; the call is not carried out
    "connection lost before": 0.008,
    "answer lost": 0.02,  # the call is carried out, but the caller gets no response
    "conflict": 0.02,  # 409: another conditional write is in progress; only for conditional writes
    "cut short": 0.02,  # the body of an object is truncated; only for reads
    "killed": 0.002,  # the process dies immediately
    "stalled": 0.003,  # the process waits until the queue gives its messages to another instance
}
"""Probability of each fault in one call."""

_BURSTS = {"throttled", "failed", "connection lost before"}
_BURST_LENGTHS = (1, 1, 4)
"""Possible numbers of consecutive calls with the same fault. botocore makes fewer than four attempts."""

Note = Callable[[str, str, list[str]], None]

_XML = '<?xml version="1.0"?><Error><Code>{}</Code><Message>On purpose.</Message></Error>'


class Faults:
    """Choose a fault at random for each call.

    `note` is called with each fault, the call, and the messages of the queue that were lost on the way.
    """

    def __init__(self, chance: random.Random, note: Note, stall_seconds: float) -> None:
        self._chance = chance
        self._note = note
        self._stall_seconds = stall_seconds
        self._session = URLLib3Session()
        self._burst: list[str] = []

    def install(self) -> None:
        """Add the faults to all clients that boto3's default session makes from now on."""
        boto3.setup_default_session()
        assert boto3.DEFAULT_SESSION is not None
        events: Any = boto3.DEFAULT_SESSION.events  # Any: in botocore's stubs, hooks return nothing
        events.register("before-send", self._before_send)
        shortened = SimpleNamespace(sleep=lambda seconds: time.sleep(seconds * _WAIT_SHARE))
        vars(botocore.endpoint)["time"] = shortened

    def _before_send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
        service, operation = event_name.split(".")[1:3]
        fault = self._draw(request, service, operation)
        if fault is None:
            return None
        call = f"{service}.{operation}"
        if fault not in ("cut short", "answer lost"):
            self._note(fault, call, [])
        match fault:
            case "killed":
                os._exit(KILLED)
            case "stalled":
                time.sleep(self._stall_seconds)
                return None
            case "throttled":
                return _answer(request, 503, _XML.format("SlowDown").encode())
            case "failed":
                return _answer(request, 500, _XML.format("InternalError").encode())
            case "conflict":
                return _answer(request, 409, _XML.format("ConditionalRequestConflict").encode())
            case "connection lost before":
                raise ConnectionClosedError(endpoint_url=request.url)
        done = self._session.send(request)
        content = done.content
        lost = json.loads(content).get("Messages", []) if operation == "ReceiveMessage" else []
        self._note(fault, call, [message["MessageId"] for message in lost])
        if fault == "cut short":
            if done.status_code != 200:
                return done
            headers = HTTPHeaders.from_dict(dict(done.headers))
            return AWSResponse(request.url, done.status_code, headers, io.BytesIO(content[: len(content) // 2]))
        raise ReadTimeoutError(endpoint_url=request.url)

    def _draw(self, request: AWSPreparedRequest, service: str, operation: str) -> str | None:
        if self._burst:
            return self._burst.pop()
        weights = (*RATES.values(), 1 - sum(RATES.values()))
        fault = self._chance.choices((*RATES, None), weights)[0]
        if fault in _BURSTS:
            self._burst = [fault] * (self._chance.choice(_BURST_LENGTHS) - 1)
        if fault == "conflict" and not {"If-None-Match", "If-Match"} & set(request.headers):
            return None
        if fault == "conflict" and operation != "PutObject":
            return None
        if fault == "cut short" and operation != "GetObject":
            return None
        # The worker cannot die while the queue is read: Lambda's poller does this, between two batches.
        return None if fault in ("killed", "stalled") and service == "sqs" and operation == "ReceiveMessage" else fault


def _answer(request: AWSPreparedRequest, status: int, body: bytes) -> AWSResponse:
    headers = HTTPHeaders.from_dict({"content-type": "application/xml"})
    return AWSResponse(request.url, status, headers, HTTPResponse(io.BytesIO(body), preload_content=False))
