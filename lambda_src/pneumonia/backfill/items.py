"""Parse the input from Step Functions for one object: an entry of a listing, or a row of an S3 inventory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import unquote_plus

ItemSource = Literal["listing", "inventory"]

FOLDER = "folder"
DELETE_MARKER = "delete_marker"
SUPERSEDED = "superseded"
OUTSIDE_PREFIX = "outside_prefix"


class NotAnItem(ValueError):
    """The batch does not have the form that the state machine sends. The error message never quotes the batch."""


@dataclass(frozen=True)
class Item:
    """One object of an archive, as it was listed. It may have been replaced or deleted since.

    Attributes:
        keys: possible keys, the most likely one first.
        version_id: None if unknown.
        skip: why the object is not predicted; None if it is.
    """

    bucket: str
    keys: tuple[str, ...]
    version_id: str | None = None
    etag: str | None = None
    last_modified: datetime | None = None
    size: int | None = None
    skip: str | None = None

    @property
    def key(self) -> str:
        return self.keys[0]


def parse_item(raw: Any, bucket: str, source: ItemSource, prefix: str = "") -> Item:
    """Return an item from its JSON.

    An entry of a listing has the plain `Key`, `Etag`, `LastModified` (seconds since 1970, or a text with a time zone)
    and `Size`. A row of an inventory has the columns that its configuration selects, all as text: `Key` is URL-encoded,
    `IsLatest` and `IsDeleteMarker` are "true" or "false". Raises NotAnItem.
    """
    if not isinstance(raw, Mapping) or not isinstance(raw.get("Key"), str) or not raw["Key"]:
        raise NotAnItem("An item of the batch has no key.")
    try:
        keys = (raw["Key"],) if source == "listing" else _decoded(raw["Key"])
        item = Item(
            bucket=str(raw.get("Bucket") or bucket),
            keys=keys,
            version_id=_text(raw.get("VersionId")),
            etag=(_text(raw.get("ETag") or raw.get("Etag")) or "").strip('"') or None,
            last_modified=_time(raw.get("LastModified") or raw.get("LastModifiedDate")),
            size=_size(raw.get("Size")),
        )
    except (TypeError, ValueError, OverflowError):
        raise NotAnItem("An item of the batch has an invalid field.") from None
    return _with_skip(item, raw, prefix)


def _decoded(key: str) -> tuple[str, ...]:
    """Return the possible keys of an inventory row: the decoded key, then the plain key in case it is not encoded."""
    try:
        decoded = unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        return (key,)
    return (decoded,) if decoded == key else (decoded, key)


def _with_skip(item: Item, raw: Mapping[str, Any], prefix: str) -> Item:
    reason = None
    if not item.key.startswith(prefix):
        reason = OUTSIDE_PREFIX
    elif _is(raw.get("IsDeleteMarker"), True):
        reason = DELETE_MARKER
    elif _is(raw.get("IsLatest"), False):
        reason = SUPERSEDED
    elif item.key.endswith("/") and item.size == 0:
        # The S3 console creates these empty objects for folders. The upload path ignores them too.
        reason = FOLDER
    return replace(item, skip=reason)


def _is(value: Any, wanted: bool) -> bool:
    return str(value).strip().lower() == str(wanted).lower()


def _text(value: Any) -> str | None:
    return str(value) if value not in (None, "") else None


def _size(value: Any) -> int | None:
    return None if value in (None, "") else int(value)


def _time(value: Any) -> datetime | None:
    if value in (None, ""):
        return None
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    time = datetime.fromisoformat(str(value))
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
