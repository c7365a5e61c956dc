"""Files that are whole or not there, whenever the power fails."""

import json
import os
from pathlib import Path
from typing import Any


def write(path: Path, data: bytes) -> None:
    """Write a file so that it is there as a whole afterwards, or as it was before."""
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """The same for a JSON document."""
    write(path, json.dumps(value).encode())


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one where there is no file."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return found if isinstance(found, dict) else {}


def sync_file(path: Path) -> None:
    """Bring the content of a file to the disk that somebody else has written."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
