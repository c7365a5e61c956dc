"""Write files atomically: after a power cut, a file has its old content or its new content, and never a part of it."""

import json
import os
from pathlib import Path
from typing import Any


def write(path: Path, data: bytes) -> None:
    """Write a file atomically. If writing fails, the old content stays."""
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON document atomically."""
    write(path, json.dumps(value).encode())


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file, or an empty one if there is no file."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return found if isinstance(found, dict) else {}


def sync_file(path: Path) -> None:
    """Flush to disk a file that other code has written."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(path: Path) -> None:
    """Flush the file names of a folder to disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
