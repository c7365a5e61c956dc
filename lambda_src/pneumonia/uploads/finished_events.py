"""Send an EventBridge event for each result that the worker has written (docs/events.md, with its JSON schema).

The worker writes the result first and then sends the event. If the event cannot be sent, the message of the upload
returns to the queue. The next attempt finds the result, keeps it and sends its event. Each result therefore has at
least one event, unless a newer upload replaces the result before the event is sent. All events of one result have the
same `id`. Without the setting `event_bus` (EVENT_BUS) no events are sent.
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
    """EventBridge accepted the call but not the event."""

    code = "event_not_sent"
    title = "The event could not be sent"


def announce(results: Results, upload: Upload, document: ResultDocument, outcome: WriteOutcome) -> None:
    """Send the event for the result of an upload, if an event bus is set and the result is stored.

    `document`: the result of this attempt, whether it was written or was a duplicate. Raises EventNotSent, and
    ClientError if S3 or EventBridge fails.
    """
    bus = process_settings().event_bus
    if not bus or outcome is WriteOutcome.STALE:
        return
    if outcome is WriteOutcome.DUPLICATE:
        # The stored result may be from an earlier model, and the event must match it.
        stored = results.find_document(upload.result_stem)
        if stored is None or stored[1].source != document.source:
            return  # removed, or replaced by a newer upload, which has its own event
        document = replace(stored[1], correlation_id=stored[1].correlation_id or document.correlation_id)
    detail = json.dumps(event_detail(upload, document))
    entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": detail, "EventBusName": bus}
    reply = aws.events().put_events(Entries=[entry])  # type: ignore[list-item]
    if reply["FailedEntryCount"]:
        # The code comes from EventBridge, such as ThrottlingException.
        raise EventNotSent(f"EventBridge refused the event with {reply['Entries'][0].get('ErrorCode', 'no code')}.")


def event_detail(upload: Upload, document: ResultDocument) -> dict[str, Any]:
    """Return the `detail` of the event, as in docs/prediction-finished.schema.json.

    The detail has no bucket and no key. It has the UIDs of the file only with the setting `event_uids`. Missing values
    are None.
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
    """Return the id of the event, which is the same for every event of one version of an upload."""
    return str(uuid.uuid5(uuid.UUID(correlation.of_object(upload)), DETAIL_TYPE))
