"""Find the folder with the results of a batch: next to the folder of images, unless the user names another folder."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from pneumonia_cli.client.batch.journal import FILE

RESULTS: Final = "results"


def beside(folder: Path, what: str) -> Path:
    """Return the folder `FOLDER-WHAT` next to a folder, as a relative path if it is below the current folder."""
    resolved = folder.resolve()
    found = resolved.parent / f"{resolved.name}-{what}"
    here = Path.cwd()
    return found.relative_to(here) if found.is_relative_to(here) else found


def results_of(folder: Path) -> Path:
    """Return the folder of results, which is next to the folder of images.

    Earlier versions created it in the current folder. A batch that was started there continues there.
    """
    new, old = beside(folder, RESULTS), Path(f"{folder.resolve().name}-{RESULTS}")
    return old if not (new / FILE).is_file() and _images_of(old) == folder.resolve() else new


def batch_at(named: Path) -> Path:
    """Return the folder of results of a batch. `named`: this folder, or the folder of the images."""
    if (named / FILE).is_file() or not named.is_dir():
        return named
    results = results_of(named)
    return results if (results / FILE).is_file() else named


def _images_of(out: Path) -> Path | None:
    """Return the folder of the images of the batch in `out`, or None if there is no batch or it cannot be read."""
    if not (out / FILE).is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{(out / FILE).resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)) as journal:
            row = journal.execute("SELECT value FROM batch WHERE name = 'folder'").fetchone()
    except sqlite3.Error:
        return None
    return Path(row[0]) if row else None
