"""The correlation id identifies an upload from its creation to its result. It reveals nothing about the upload.

The id is a UUID. A sender may choose one and put it into the object's metadata. Other values in the metadata are
ignored, so no file name or patient number gets into the logs. Without an id from the sender, the id is derived:

- from the upload id, if the upload was requested over HTTP. The upload id itself is not logged, because it may be
  enough to fetch the result;
- otherwise from the version of the object in the event. The same event always gives the same id, and the id cannot be
  guessed from the key.
"""

import re
import uuid
from collections.abc import Mapping
from typing import Final

from pneumonia.uploads.events import Upload
from pneumonia.uploads.ids import KEY_PREFIX, id_of_key, upload_key

METADATA: Final = "correlation-id"
"""Name of the metadata entry: `x-amz-meta-correlation-id`."""

# Made once by uuid4, for this project.
_NAMESPACE: Final = uuid.UUID("5f1e4a0e-6f0b-4c57-9f0b-0a5d5b8f4f5e")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def of_upload_id(upload_id: str) -> str:
    """Return the correlation id of an upload that was requested over HTTP.

    All upload ids that contain the hash of one file give the same correlation id.
    """
    return str(uuid.uuid5(_NAMESPACE, f"upload\n{upload_key(upload_id).removeprefix(KEY_PREFIX)}"))


def of_batch_key(key: str) -> str:
    """Return the correlation id that the command line puts into the metadata of an upload.

    The id is derived from the key, so it need not be stored. The command line makes the key from a secret of the batch.
    """
    return str(uuid.uuid5(_NAMESPACE, f"batch\n{key}"))


def derived(upload: Upload) -> str:
    """Return the correlation id of an upload whose metadata is unknown or has no correlation id."""
    upload_id = id_of_key(upload.key, upload.event_time.timestamp())
    return of_object(upload) if upload_id is None else of_upload_id(upload_id)


def of_object(upload: Upload) -> str:
    """Return an id of the object version named in the event. Each delivery of the event gives the same id."""
    version = upload.version_id or f"{upload.etag}\n{upload.sequencer or upload.event_time.isoformat()}"
    return str(uuid.uuid5(_NAMESPACE, f"object\n{upload.bucket}\n{upload.key}\n{version}"))


def carried(metadata: Mapping[str, str]) -> str | None:
    """Return the correlation id in an object's metadata, in lower case; None if it is missing or not a UUID."""
    text = metadata.get(METADATA, "").strip().lower()
    return text if _UUID.fullmatch(text) else None
