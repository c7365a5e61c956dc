"""Where the files of a batch lie: next to its images, unless the user names a place."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from pneumonia_cli.client.batch.journal import FILE

RESULTS: Final = "results"


def beside(folder: Path, what: str) -> Path:
    """The folder `FOLDER-WHAT` next to a folder, relative where it lies below the current one."""
    resolved = folder.resolve()
    found = resolved.parent / f"{resolved.name}-{what}"
    here = Path.cwd()
    return found.relative_to(here) if found.is_relative_to(here) else found


def results_of(folder: Path) -> Path:
    """The folder of results for a folder of images: next to it.

    Earlier versions wrote it into the current folder; a batch that one of them began there is continued there.
    """
    new, old = beside(folder, RESULTS), Path(f"{folder.resolve().name}-{RESULTS}")
    return old if not (new / FILE).is_file() and _images_of(old) == folder.resolve() else new


def batch_at(named: Path) -> Path:
    """The folder of a batch that the user means: that of its results, or that of its images."""
    if (named / FILE).is_file() or not named.is_dir():
        return named
    results = results_of(named)
    return results if (results / FILE).is_file() else named


def _images_of(out: Path) -> Path | None:
    """Where the images of the batch in a folder lie; None if it holds no batch, or one that a command has open."""
    if not (out / FILE).is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{(out / FILE).resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)) as journal:
            row = journal.execute("SELECT value FROM batch WHERE name = 'folder'").fetchone()
    except sqlite3.Error:
        return None
    return Path(row[0]) if row else None
