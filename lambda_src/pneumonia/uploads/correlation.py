"""The correlation id: one name for an upload, from where it was made to its result, that tells nothing of it.

It is a UUID. Whoever uploads may choose one and put it into the object's metadata; no other form is taken, so that no
file name or number of a patient gets into logs by that way. Without one, it is derived:

- from the id of an upload that was asked for over HTTP. That id itself may be all that it takes to fetch the result,
  so it is not logged;
- else from the version of the object that the event names. The same event always gives the same id, and it cannot
  be guessed from the key alone.
"""

import re
import uuid
from collections.abc import Mapping
from typing import Final

from pneumonia.uploads.events import Upload
from pneumonia.uploads.ids import KEY_PREFIX, id_of_key, upload_key

METADATA: Final = "correlation-id"
"""Name of the object's metadata: `x-amz-meta-correlation-id`."""

# Of this project alone: made by uuid4 once.
_NAMESPACE: Final = uuid.UUID("5f1e4a0e-6f0b-4c57-9f0b-0a5d5b8f4f5e")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def of_upload_id(upload_id: str) -> str:
    """The correlation id of an upload that was asked for over HTTP. Ids of one file have one."""
    return str(uuid.uuid5(_NAMESPACE, f"upload\n{upload_key(upload_id).removeprefix(KEY_PREFIX)}"))


def of_batch_key(key: str) -> str:
    """The correlation id that the command line puts into the metadata of an upload: of a key that it made up from
    a secret of the batch, so that it need not be remembered."""
    return str(uuid.uuid5(_NAMESPACE, f"batch\n{key}"))


def derived(upload: Upload) -> str:
    """The correlation id of an upload whose metadata is not known, or names none."""
    upload_id = id_of_key(upload.key, upload.event_time.timestamp())
    return of_object(upload) if upload_id is None else of_upload_id(upload_id)


def of_object(upload: Upload) -> str:
    """An id of the very version of an object that an event names: the same for each delivery, and of no other."""
    version = upload.version_id or f"{upload.etag}\n{upload.sequencer or upload.event_time.isoformat()}"
    return str(uuid.uuid5(_NAMESPACE, f"object\n{upload.bucket}\n{upload.key}\n{version}"))


def carried(metadata: Mapping[str, str]) -> str | None:
    """The correlation id in an object's metadata, in lower case; None if there is none, or what is there is no UUID."""
    text = metadata.get(METADATA, "").strip().lower()
    return text if _UUID.fullmatch(text) else None
