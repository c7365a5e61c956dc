"""An event on EventBridge for each result that the worker has written: docs/events.md, with its JSON schema.

The result comes first, then the event. Where the event cannot be sent, the message of the upload goes back to the
queue; the next try finds the result there, leaves it, and sends the event of what is stored. So each result has its
event at least once, all of one result with the same `id`. A result that a newer upload of its key has replaced by then
has none any more. Without the setting `event_bus` (EVENT_BUS) nothing is sent.
"""

import functools
import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config

from pneumonia.errors import PneumoniaError
from pneumonia.settings import process_settings
from pneumonia.uploads import correlation
from pneumonia.uploads.events import Upload
from pneumonia.uploads.ids import id_of_key
from pneumonia.uploads.results import JSON_SUFFIX, Outcome, Results, result_key

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE: Final = "pneumonia.triage"
DETAIL_TYPE: Final = "Prediction Finished"
SCHEMA_VERSION: Final = 1


class EventNotSent(PneumoniaError):
    """EventBridge took the call and not the event."""

    code = "event_not_sent"
    title = "The event could not be sent"


def announce(results: Results, upload: Upload, document: Mapping[str, Any], outcome: Outcome) -> None:
    """Send the event of an upload's result, if there is a bus for it and the result is there.

    `document`: what was written, or would have been. Raises EventNotSent, or ClientError if S3 or EventBridge fail.
    """
    bus = process_settings().event_bus
    if bus is None or outcome is Outcome.STALE:
        return
    if outcome is Outcome.DUPLICATE:
        # What is stored may be of a model before this one: the event has to say the same as the result.
        stored = results.read(result_key(upload.result_name, JSON_SUFFIX))
        if stored is None or (found := json.loads(stored))["source"] != document["source"]:
            return  # removed, or replaced by a newer upload, which has an event of its own
        document = {"correlation_id": document["correlation_id"], **found}
    detail = json.dumps(event_detail(upload, document))
    entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": detail, "EventBusName": bus}
    answer = client().put_events(Entries=[entry])  # type: ignore[list-item]
    if answer["FailedEntryCount"]:
        # The code is one of EventBridge's own words, such as ThrottlingException.
        raise EventNotSent(f"EventBridge refused it with {answer['Entries'][0].get('ErrorCode', 'no code')}.")


def event_detail(upload: Upload, document: Mapping[str, Any]) -> dict[str, Any]:
    """The `detail` of the event: no key, no bucket, nothing of the file."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": event_id(upload),
        "correlation_id": document["correlation_id"],
        "upload_id": id_of_key(upload.key),
        "status": document["status"],
        "code": document.get("code"),
        "label": document.get("label"),
        "triage": document.get("triage"),
        "probability": document.get("pneumonia"),
        "model": {"name": document["model"]["name"], "version": document["model"]["version"]},
    }


def event_id(upload: Upload) -> str:
    """The same for every event of one version of an upload."""
    return str(uuid.uuid5(uuid.UUID(correlation.of_object(upload)), DETAIL_TYPE))


@functools.cache
def client() -> "EventBridgeClient":
    """The client of this process."""
    # SQS repeats better than a call that hangs: at the worst 12 s for an upload, a minute for a batch of five, while
    # the function has two.
    config = Config(connect_timeout=3, read_timeout=3, retries={"mode": "standard", "max_attempts": 2})
    return boto3.client("events", config=config)
