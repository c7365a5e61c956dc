"""The keys of the results bucket: which name the result of a film has, so that no two films share one.

- an upload: `<key>.json` and `<key>.heatmap.png`;
- a film of another bucket: the same under `archive/<bucket>/`;
- the files of a backfill: under `backfill-runs/`;
- what a reader says of an upload's result: under `feedback/`.

The last three prefixes are reserved. An upload whose key begins with one of them, a key that is too long for a suffix,
and a key that ends like a hashed name have a hashed name: it ends in `~` and the SHA-256 of the whole key, and no other
name does. `source.key` in the result is the whole key.
"""

import re
from typing import Final

MAX_KEY_BYTES: Final = 1024
JSON_SUFFIX: Final = ".json"
HEATMAP_SUFFIX: Final = ".heatmap.png"

ARCHIVES: Final = "archive/"
"""Where results of other buckets than the upload bucket are: an archive may use the keys that uploads have."""
RUNS: Final = "backfill-runs/"
"""Where the files of a backfill are, under the name of its execution."""
FEEDBACK: Final = "feedback/"
"""Where feedback on results is, under the name of each with JSON_SUFFIX (feedback.py)."""
RESERVED: Final = (ARCHIVES, RUNS, FEEDBACK)

_MARK: Final = "~"
_ROOM: Final = MAX_KEY_BYTES - max(len(JSON_SUFFIX), len(HEATMAP_SUFFIX))
_HASHED: Final = re.compile(f"{_MARK}[0-9a-f]{{64}}")


def result_key(upload_key: str, suffix: str) -> str:
    """The key of the result (JSON_SUFFIX) or of the heatmap (HEATMAP_SUFFIX) of an upload."""
    return upload_stem(upload_key) + suffix


def upload_stem(upload_key: str) -> str:
    """What both keys of an upload's result begin with: the key itself, or its hashed name."""
    if upload_key.startswith(RESERVED):
        return _hashed(upload_key, _MARK)
    return _plain_or_hashed(upload_key)


def archive_name(bucket: str, key: str) -> str:
    """The name of a film of another bucket: what `archive_stem` takes."""
    return f"{ARCHIVES}{bucket}/{key}"


def archive_stem(name: str) -> str:
    """What both keys of the result of an archive's film begin with. `name`: that of `archive_name`."""
    return _plain_or_hashed(name)


def former_stem(name: str) -> str:
    """What the keys of a result began with before prefixes were reserved. `name`: an upload key, or an `archive_name`.

    Another film's result may be under it: only `source` in the result tells.
    """
    return _hashed(name) if len(name.encode()) > _ROOM else name


def is_contested(stem: str) -> bool:
    """Whether results of two films can have been written under a stem, by versions that did not reserve prefixes."""
    return stem.startswith(RESERVED) or is_hashed(stem)


def is_hashed(stem: str) -> bool:
    """Whether a stem is a hashed name."""
    return _HASHED.fullmatch(stem[-65:]) is not None


def stem_prefixes(key_prefix: str) -> list[str]:
    """Prefixes of the results bucket under which all results are of uploads whose keys begin with `key_prefix`.

    But for names that were cut so short that the prefix is no longer in them. Under the second one only hashed names
    are meant.
    """
    hashed = key_prefix and any(r.startswith(key_prefix) or key_prefix.startswith(r) for r in RESERVED)
    return [key_prefix, _MARK + key_prefix] if hashed else [key_prefix]


def _plain_or_hashed(name: str) -> str:
    return _hashed(name) if len(name.encode()) > _ROOM or is_hashed(name) else name


def _hashed(name: str, before: str = "") -> str:
    """The name, cut where it is too long, and its SHA-256; the same for both suffixes."""
    # Imported here: it loads OpenSSL, 7 MB that most starts do without (docs/performance.md).
    import hashlib

    encoded = name.encode()
    tail = _MARK + hashlib.sha256(encoded).hexdigest()
    return before + encoded[: _ROOM - len(before) - len(tail)].decode(errors="ignore") + tail
