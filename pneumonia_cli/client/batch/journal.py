"""The journal of a batch: the upload key, the state and the result of each image.

The journal is a SQLite file in the output folder. It allows an interrupted run to continue, and keeps the results of
tens of thousands of images out of memory. The journal contains file names and never leaves the machine.
"""

import hashlib
import hmac
import json
import secrets
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from pneumonia.errors import NotAChestXray, WrongOrientation
from pneumonia.uploads.correlation import of_batch_key
from pneumonia_cli.client.errors import CliError, UnwritableOutput, UsageProblem
from pneumonia_cli.client.written import make_folder

FILE = "journal.sqlite"
_SCHEMA_VERSION = "1"

FORCEABLE = frozenset({NotAChestXray.code, WrongOrientation.code})
"""Codes of refusals that `force` overrides."""

WAITING = "waiting"
"""Uploaded, without a result yet. The other states are `predicted`, `rejected` and `failed` (the upload failed)."""

_UNWRITABLE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR})

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batch (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS films (
    name TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    upload_key TEXT,
    state TEXT NOT NULL,
    probability REAL,
    result TEXT,
    heatmap_file TEXT,
    reason TEXT
);
CREATE INDEX IF NOT EXISTS films_by_key ON films (upload_key);
"""


@dataclass(frozen=True)
class Entry:
    """One image in the journal. `result` is the document of the service, None while there is none."""

    name: str
    state: str
    upload_key: str | None
    result: dict[str, Any] | None
    heatmap_file: str | None
    reason: str | None

    @property
    def correlation_id(self) -> str | None:
        """The id of this upload in logs and events of the service; None if the image was not uploaded."""
        if self.result is not None:
            found = self.result.get("correlation_id")
            return None if found is None else str(found)
        return of_batch_key(self.upload_key) if self.upload_key else None


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in _UNWRITABLE:  # the low byte is the primary result code
            raise UnwritableOutput.of(path, str(error)) from error
        raise


class _Connection(sqlite3.Connection):
    """A connection that reports a full disk or a missing permission as UnwritableOutput with the path."""

    path: Path

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        with _errors_of(self.path):
            return super().execute(*arguments)

    def executescript(self, script: str) -> sqlite3.Cursor:
        with _errors_of(self.path):
            return super().executescript(script)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        with _errors_of(self.path):
            return super().executemany(*arguments)

    def commit(self) -> None:
        with _errors_of(self.path):
            super().commit()


class Journal:
    """An open journal, used as a context manager by one process and one thread. Any thread can call `key_of`.

    Changes are durable after `commit`. If the machine stops before the commit, the next run computes the same keys from
    the images and finds the uploads in the bucket.
    """

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        """Open the journal in a folder, or create one. Methods that write raise UnwritableOutput if writing fails.

        `settings` (the buckets, …) must be the same as when the journal was created. The setting `prefix` replaces the
        generated prefix of all keys. Raises UsageProblem if the settings differ, if the file is not a journal, or if
        another process has the journal open.
        """
        make_folder(folder)
        self._path = folder / FILE
        with _errors_of(self._path):
            self._db = sqlite3.connect(self._path, timeout=1.0, factory=_Connection)
        self._db.path = self._path
        try:
            # Locked until the end: two runs in one folder would count each other's images.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("BEGIN EXCLUSIVE")
            self._db.commit()
            self._db.executescript(_SCHEMA)
            self._begin(settings)
        except sqlite3.OperationalError:
            self._db.close()
            raise UsageProblem(f"Another command is using {folder}. Wait until it ends.") from None
        except sqlite3.DatabaseError:
            self._db.close()
            raise UsageProblem(
                f"{self._path} is damaged, or was not written by this command. Choose another folder."
            ) from None
        except CliError:
            self._db.close()
            raise

    def _begin(self, settings: dict[str, str]) -> None:
        stored = dict(self._db.execute("SELECT name, value FROM batch"))
        if not stored:
            stored = {
                "version": _SCHEMA_VERSION,
                "prefix": f"batch/{secrets.token_hex(16)}/",
                "secret": secrets.token_hex(32),
                **settings,
            }
            self._db.executemany("INSERT INTO batch VALUES (?, ?)", stored.items())
            self._db.commit()
        if stored.get("version") != _SCHEMA_VERSION:
            raise UsageProblem(f"{self._path} was written by another version of this command. Choose another folder.")
        for name, value in settings.items():
            if stored.get(name) != value:
                raise UsageProblem(
                    f"The folder {self._path.parent} contains a batch whose {name} is {stored.get(name)}, not {value}. "
                    "Choose another folder."
                )
        self.prefix: str = stored["prefix"]
        self._secret = bytes.fromhex(stored["secret"])

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._db.commit()
        finally:
            self._db.close()

    def key_of(self, data: bytes, *, force: bool = False) -> str:
        """Return the upload key of an image. The same bytes have the same key in this batch.

        With `force` the key differs, so that the first result stays unchanged.

        The key is an HMAC with a secret of the batch. It reveals nothing about the image, even to somebody who has a
        copy of the image.
        """
        digest = hmac.new(self._secret, data, hashlib.sha256)
        if force:
            digest.update(b"force")
        return self.prefix + digest.hexdigest()[:32]

    @property
    def folder(self) -> Path | None:
        """The folder of the images; None if it was never stored."""
        row = self._db.execute("SELECT value FROM batch WHERE name = 'folder'").fetchone()
        return Path(row[0]) if row else None

    @folder.setter
    def folder(self, folder: Path) -> None:
        self._db.execute("INSERT OR REPLACE INTO batch VALUES ('folder', ?)", (str(folder.resolve()),))

    def settled(self, name: str, size: int, mtime_ns: int, *, force: bool = False) -> bool:
        """Return whether an image was uploaded and is unchanged. With `force`: False if the gate refused the image."""
        row = self._db.execute(
            "SELECT result FROM films WHERE name = ? AND size = ? AND mtime_ns = ? AND upload_key IS NOT NULL",
            (name, size, mtime_ns),
        ).fetchone()
        if row is None:
            return False
        return not (force and row[0] and json.loads(row[0]).get("code") in FORCEABLE)

    def uploaded(self, name: str, size: int, mtime_ns: int, key: str) -> None:
        """Store the upload of an image. If an identical image already has a result, copy that result."""
        self._db.execute(
            "INSERT OR REPLACE INTO films (name, size, mtime_ns, upload_key, state) VALUES (?, ?, ?, ?, ?)",
            (name, size, mtime_ns, key, WAITING),
        )
        self._db.execute(
            "UPDATE films SET state = same.state, probability = same.probability, result = same.result, "
            "heatmap_file = same.heatmap_file FROM films AS same "
            "WHERE films.name = ? AND same.upload_key = ? AND same.result IS NOT NULL",
            (name, key),
        )

    def refused(self, name: str, size: int, mtime_ns: int, result: dict[str, Any]) -> None:
        """Store that an image was not uploaded, because the service would refuse it. The next run checks it again."""
        self._db.execute(
            "INSERT OR REPLACE INTO films (name, size, mtime_ns, state, result) VALUES (?, ?, ?, 'rejected', ?)",
            (name, size, mtime_ns, json.dumps(result)),
        )

    def failed(self, name: str, size: int, mtime_ns: int, reason: str) -> None:
        """Store that an upload failed. The next run tries it again."""
        self._db.execute(
            "INSERT OR REPLACE INTO films (name, size, mtime_ns, state, reason) VALUES (?, ?, ?, 'failed', ?)",
            (name, size, mtime_ns, reason),
        )

    def lose(self, keys: Iterable[str], reason: str) -> list[str]:
        """Store that uploads without a result are gone, and return the names of their images to upload again."""
        names: list[str] = []
        for key in keys:
            found = self._db.execute("SELECT name FROM films WHERE upload_key = ? AND state = ?", (key, WAITING))
            names += [name for (name,) in found]
            self._db.execute(
                "UPDATE films SET state = 'failed', upload_key = NULL, reason = ? WHERE upload_key = ? AND state = ?",
                (reason, key, WAITING),
            )
        return names

    def answered(self, key: str, result: dict[str, Any], heatmap_file: str | None) -> int:
        """Store the result for a key, and return the number of images with this key (identical images share one)."""
        status = "predicted" if result["status"] == "predicted" else "rejected"
        probability = float(result["pneumonia"]) if status == "predicted" else None
        done = self._db.execute(
            "UPDATE films SET state = ?, probability = ?, result = ?, heatmap_file = ? WHERE upload_key = ?",
            (status, probability, json.dumps(result), heatmap_file, key),
        )
        return done.rowcount

    def waiting(self) -> dict[str, None]:
        """Return the keys of uploads without a result, in the order of the uploads."""
        found = self._db.execute("SELECT upload_key FROM films WHERE state = ? ORDER BY rowid", (WAITING,))
        return dict.fromkeys(key for (key,) in found)

    def counts(self) -> Counter[str]:
        """Return the number of images in each state."""
        return Counter(dict(self._db.execute("SELECT state, COUNT(*) FROM films GROUP BY state")))

    def states(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the state of every image."""
        yield from self._db.execute("SELECT name, state FROM films")

    def entries(self, *states: str) -> Iterator[Entry]:
        """Yield the images: predicted ones by falling probability, then rejected ones, then those without a result."""
        marks = ", ".join("?" * len(states))
        where = f"WHERE state IN ({marks})" if states else ""  # `marks` contains only placeholders
        rows = self._db.execute(
            "SELECT name, state, upload_key, result, heatmap_file, reason FROM films "  # noqa: S608  # nosec B608
            f"{where} ORDER BY probability IS NULL, probability DESC, state != 'rejected', name",
            states,
        )
        for name, state, key, result, heatmap_file, reason in rows:
            yield Entry(name, state, key, json.loads(result) if result else None, heatmap_file, reason)

    def commit(self) -> None:
        """Make all changes durable."""
        self._db.commit()
