"""An event on EventBridge for each result that the worker has written: docs/events.md, with its JSON schema.

The result comes first, then the event. Where the event cannot be sent, the message of the upload goes back to the
queue; the next try finds the result there, leaves it, and sends the event of what is stored. So each result has its
event at least once, all of one result with the same `id`. A result that a newer upload of its key has replaced by then
has none any more. Without the setting `event_bus` (EVENT_BUS) nothing is sent.
"""

import json
import uuid
from dataclasses import replace
from typing import Any, Final

from pneumonia import aws
from pneumonia.errors import PneumoniaError
from pneumonia.settings import process_settings
from pneumonia.uploads import correlation
from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.events import Upload
from pneumonia.uploads.ids import id_of_key
from pneumonia.uploads.results import Results, WriteOutcome

SOURCE: Final = "pneumonia.triage"
DETAIL_TYPE: Final = "Prediction Finished"
SCHEMA_VERSION: Final = 1


class EventNotSent(PneumoniaError):
    """EventBridge took the call and not the event."""

    code = "event_not_sent"
    title = "The event could not be sent"


def announce(results: Results, upload: Upload, document: ResultDocument, outcome: WriteOutcome) -> None:
    """Send the event of an upload's result, if there is a bus for it and the result is there.

    `document`: what was written, or would have been. Raises EventNotSent, or ClientError if S3 or EventBridge fail.
    """
    bus = process_settings().event_bus
    if not bus or outcome is WriteOutcome.STALE:
        return
    if outcome is WriteOutcome.DUPLICATE:
        # What is stored may be of a model before this one: the event has to say the same as the result.
        stored = results.find_document(upload.result_stem)
        if stored is None or stored[1].source != document.source:
            return  # removed, or replaced by a newer upload, which has an event of its own
        document = replace(stored[1], correlation_id=stored[1].correlation_id or document.correlation_id)
    detail = json.dumps(event_detail(upload, document))
    entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": detail, "EventBusName": bus}
    reply = aws.events().put_events(Entries=[entry])  # type: ignore[list-item]
    if reply["FailedEntryCount"]:
        # The code is one of EventBridge's own words, such as ThrottlingException.
        raise EventNotSent(f"EventBridge refused it with {reply['Entries'][0].get('ErrorCode', 'no code')}.")


def event_detail(upload: Upload, document: ResultDocument) -> dict[str, Any]:
    """The `detail` of the event, as docs/prediction-finished.schema.json has it: no key, no bucket, and of the file no
    more than its UIDs, with the setting `event_uids`. What a result lacks is None.
    """
    content = document.content
    image = content.get("image", {}) if process_settings().event_uids else {}
    return {
        "schema_version": SCHEMA_VERSION,
        "id": event_id(upload),
        "correlation_id": document.correlation_id,
        "upload_id": id_of_key(upload.key, upload.event_time.timestamp()),
        "status": document.status,
        "code": content.get("code"),
        "label": content.get("label"),
        "triage": content.get("triage"),
        "probability": content.get("pneumonia"),
        "in_training_population": content.get("in_training_population"),
        "study_instance_uid": image.get("study_instance_uid"),
        "sop_instance_uid": image.get("sop_instance_uid"),
        "model": {name: content["model"][name] for name in ("name", "version")},
    }


def event_id(upload: Upload) -> str:
    """The same for every event of one version of an upload."""
    return str(uuid.uuid5(uuid.UUID(correlation.of_object(upload)), DETAIL_TYPE))
