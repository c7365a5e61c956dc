"""The memory of a batch: which film was uploaded as what, and what came of it.

A SQLite file in the output folder. It lets an interrupted run go on where it was, and keeps the results of
tens of thousands of films out of memory. It holds file names: it never leaves the machine.
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
"""Codes of what is predicted all the same with `force`."""

WAITING = "waiting"
"""Uploaded, no result yet. The other states are `predicted`, `rejected` and `failed` (the upload failed)."""

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
    """One film of the journal. `result` is the service's document, None while there is none."""

    name: str
    state: str
    upload_key: str | None
    result: dict[str, Any] | None
    heatmap_file: str | None
    reason: str | None

    @property
    def correlation_id(self) -> str | None:
        """What logs and events of the service call the upload of this film; None if it was not uploaded."""
        if self.result is not None:
            found = self.result.get("correlation_id")
            return None if found is None else str(found)
        return of_batch_key(self.upload_key) if self.upload_key else None


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in _UNWRITABLE:  # the rest of the number tells more than is asked
            raise UnwritableOutput.of(path, str(error)) from error
        raise


class _Connection(sqlite3.Connection):
    """One whose errors of a full disk or of missing permission are told with the path."""

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
    """An open journal; a context manager. One process at a time; one thread, but for `key_of`.

    Nothing is durable before `commit`. Should the machine stop before, what was uploaded since is found
    again by its key, which depends on the film alone.
    """

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        """Open the journal in a folder, or begin one. Whatever writes to it raises UnwritableOutput if that fails.

        `settings` (the buckets, …) must be those it was begun with. `prefix` among them replaces the one of
        its own, under which all its keys lie. Raises UsageProblem if they are not, if the file is no journal,
        or if another process has it open.
        """
        make_folder(folder)
        self._path = folder / FILE
        with _errors_of(self._path):
            self._db = sqlite3.connect(self._path, timeout=1.0, factory=_Connection)
        self._db.path = self._path
        try:
            # Held until the end: two runs in one folder would count each other's films as their own.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("BEGIN EXCLUSIVE")
            self._db.commit()
            self._db.executescript(_SCHEMA)
            self._begin(settings)
        except sqlite3.OperationalError:
            self._db.close()
            raise UsageProblem(f"Another command is at work in {folder}. Wait for its end.") from None
        except sqlite3.DatabaseError:
            self._db.close()
            raise UsageProblem(f"{self._path} is damaged, or not of this command. Choose another folder.") from None
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
            raise UsageProblem(f"{self._path} was written by another version. Choose another folder.")
        for name, value in settings.items():
            if stored.get(name) != value:
                raise UsageProblem(
                    f"The folder {self._path.parent} holds a batch whose {name} is {stored.get(name)}, not {value}. "
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
        """The upload key of a film: the same for the same bytes in this batch, and telling nothing of them.

        With `force` it is another one: the result for the first key stays what it is.

        Keyed by a secret of the batch, so that a key does not even tell those who have a copy of the film.
        """
        digest = hmac.new(self._secret, data, hashlib.sha256)
        if force:
            digest.update(b"force")
        return self.prefix + digest.hexdigest()[:32]

    @property
    def folder(self) -> Path | None:
        """Where the films lie; None if that was never noted."""
        row = self._db.execute("SELECT value FROM batch WHERE name = 'folder'").fetchone()
        return Path(row[0]) if row else None

    @folder.setter
    def folder(self, folder: Path) -> None:
        self._db.execute("INSERT OR REPLACE INTO batch VALUES ('folder', ?)", (str(folder.resolve()),))

    def settled(self, name: str, size: int, mtime_ns: int, *, force: bool = False) -> bool:
        """Whether a film, unchanged since, was uploaded; with `force` not if it was refused for what it shows."""
        row = self._db.execute(
            "SELECT result FROM films WHERE name = ? AND size = ? AND mtime_ns = ? AND upload_key IS NOT NULL",
            (name, size, mtime_ns),
        ).fetchone()
        if row is None:
            return False
        return not (force and row[0] and json.loads(row[0]).get("code") in FORCEABLE)

    def uploaded(self, name: str, size: int, mtime_ns: int, key: str) -> None:
        """Note that a film lies under a key, with the result of an equal film if there is one."""
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
        """Note that a film was not uploaded, since the service would refuse it. Looked at again next time."""
        self._db.execute(
            "INSERT OR REPLACE INTO films (name, size, mtime_ns, state, result) VALUES (?, ?, ?, 'rejected', ?)",
            (name, size, mtime_ns, json.dumps(result)),
        )

    def failed(self, name: str, size: int, mtime_ns: int, reason: str) -> None:
        """Note that an upload did not succeed. Tried again next time."""
        self._db.execute(
            "INSERT OR REPLACE INTO films (name, size, mtime_ns, state, reason) VALUES (?, ?, ?, 'failed', ?)",
            (name, size, mtime_ns, reason),
        )

    def lose(self, keys: Iterable[str], reason: str) -> list[str]:
        """Note that uploads without a result are gone: their films are tried again. Returns the names of the films."""
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
        """Note the result for a key; answers how many films it is of (equal ones share a key)."""
        status = "predicted" if result["status"] == "predicted" else "rejected"
        probability = float(result["pneumonia"]) if status == "predicted" else None
        done = self._db.execute(
            "UPDATE films SET state = ?, probability = ?, result = ?, heatmap_file = ? WHERE upload_key = ?",
            (status, probability, json.dumps(result), heatmap_file, key),
        )
        return done.rowcount

    def waiting(self) -> dict[str, None]:
        """The keys of all that was uploaded and has no result, in the order of their uploads."""
        found = self._db.execute("SELECT upload_key FROM films WHERE state = ? ORDER BY rowid", (WAITING,))
        return dict.fromkeys(key for (key,) in found)

    def counts(self) -> Counter[str]:
        """How many films are in each state."""
        return Counter(dict(self._db.execute("SELECT state, COUNT(*) FROM films GROUP BY state")))

    def states(self) -> Iterator[tuple[str, str]]:
        """The name and the state of every film."""
        yield from self._db.execute("SELECT name, state FROM films")

    def films(self, *states: str) -> Iterator[Entry]:
        """Films one by one: most probable pneumonia first, then the rejected, then those without a result."""
        marks = ", ".join("?" * len(states))
        where = f"WHERE state IN ({marks})" if states else ""  # only marks enter the text
        rows = self._db.execute(
            "SELECT name, state, upload_key, result, heatmap_file, reason FROM films "  # noqa: S608  # nosec B608
            f"{where} ORDER BY probability IS NULL, probability DESC, state != 'rejected', name",
            states,
        )
        for name, state, key, result, heatmap_file, reason in rows:
            yield Entry(name, state, key, json.loads(result) if result else None, heatmap_file, reason)

    def commit(self) -> None:
        """Make all of it durable."""
        self._db.commit()
