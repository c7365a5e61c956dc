"""The keys of the results bucket. No two images share a key.

- results of an upload: `<key>.json` and `<key>.heatmap.png`;
- results of an image in another bucket: the same names under `archive/<bucket>/`;
- files of a backfill: under `backfill-runs/`;
- feedback on the result of an upload: under `feedback/`.

The last three prefixes are reserved. Some keys get a hashed name: upload keys that begin with a reserved prefix, keys
too long for a suffix, and keys that end like a hashed name. A hashed name ends in `~` and the SHA-256 of the whole key,
and no other name does. `source.key` in the result is the whole key.
"""

import re
from typing import Final

MAX_KEY_BYTES: Final = 1024
JSON_SUFFIX: Final = ".json"
HEATMAP_SUFFIX: Final = ".heatmap.png"

ARCHIVES: Final = "archive/"
"""Prefix of the results of images in buckets other than the upload bucket. An archive may use the same keys as
uploads."""
RUNS: Final = "backfill-runs/"
"""Prefix of the files of backfills. The name of the execution follows."""
FEEDBACK: Final = "feedback/"
"""Prefix of feedback on results. The name of the result with JSON_SUFFIX follows (feedback.py)."""
RESERVED: Final = (ARCHIVES, RUNS, FEEDBACK)

_MARK: Final = "~"
_ROOM: Final = MAX_KEY_BYTES - max(len(JSON_SUFFIX), len(HEATMAP_SUFFIX))
_HASHED: Final = re.compile(f"{_MARK}[0-9a-f]{{64}}")


def result_key(upload_key: str, suffix: str) -> str:
    """Return the key of the result (JSON_SUFFIX) or of the heatmap (HEATMAP_SUFFIX) of an upload."""
    return upload_stem(upload_key) + suffix


def upload_stem(upload_key: str) -> str:
    """Return the common beginning of both keys of an upload's result: the upload key, or its hashed name."""
    if upload_key.startswith(RESERVED):
        return _hashed(upload_key, _MARK)
    return _plain_or_hashed(upload_key)


def archive_name(bucket: str, key: str) -> str:
    """Return the name of an image in another bucket, for `archive_stem`."""
    return f"{ARCHIVES}{bucket}/{key}"


def archive_stem(name: str) -> str:
    """Return the common beginning of both keys of the result of an archived image. `name`: from `archive_name`."""
    return _plain_or_hashed(name)


def former_stem(name: str) -> str:
    """Return the stem that a result had before prefixes were reserved. `name`: an upload key, or an `archive_name`.

    The result of another image may be under this stem. Check `source` in the result.
    """
    return _hashed(name) if len(name.encode()) > _ROOM else name


def is_contested(stem: str) -> bool:
    """Return whether older releases may have written the results of two different images under a stem.

    The older releases had no reserved prefixes.
    """
    return stem.startswith(RESERVED) or is_hashed(stem)


def is_hashed(stem: str) -> bool:
    """Return whether a stem is a hashed name."""
    return _HASHED.fullmatch(stem[-65:]) is not None


def stem_prefixes(key_prefix: str) -> list[str]:
    """Return the prefixes of the results bucket for all uploads whose keys begin with `key_prefix`.

    A hashed name that was cut so short that it lacks the prefix is not found. The second prefix, if there is one,
    matches only hashed names.
    """
    hashed = key_prefix and any(r.startswith(key_prefix) or key_prefix.startswith(r) for r in RESERVED)
    return [key_prefix, _MARK + key_prefix] if hashed else [key_prefix]


def _plain_or_hashed(name: str) -> str:
    return _hashed(name) if len(name.encode()) > _ROOM or is_hashed(name) else name


def _hashed(name: str, before: str = "") -> str:
    """Return the hashed name: the name, cut if it is too long, then its SHA-256. Both suffixes fit after it."""
    # Imported here, because it loads OpenSSL: 7 MB that most starts do not need (docs/performance.md).
    import hashlib

    encoded = name.encode()
    tail = _MARK + hashlib.sha256(encoded).hexdigest()
    return before + encoded[: _ROOM - len(before) - len(tail)].decode(errors="ignore") + tail
