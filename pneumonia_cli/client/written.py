"""What the commands write to disk. Where that fails, the user is told which path it was, and why."""

import errno
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pneumonia_cli.client.errors import UnwritableOutput

_WHY_UNWRITABLE = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.EEXIST,
        errno.ENAMETOOLONG,
    }
)

Line = Mapping[str, Any]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around what writes to a path, and does nothing else that can raise OSError. Raises UnwritableOutput in its place.

    Of several files in a folder the error names the one that it is about, if it knows it.
    """
    try:
        yield
    except OSError as error:
        raise UnwritableOutput.of(error.filename or path, error.strerror or str(error)) from error


def make_folder(path: Path) -> None:
    """Make a folder that files can be written into. Raises UnwritableOutput, before anything else is done for them."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        try:
            tempfile.TemporaryFile(dir=path).close()
        except OSError as error:
            # In the name of the folder: that of the file tells nobody anything.
            raise OSError(error.errno, error.strerror, str(path)) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file. Raises UnwritableOutput."""
    with writing(path):
        path.write_bytes(data)


@contextmanager
def lines_to(path: Path | None) -> Iterator[Callable[[Line], None]]:
    """Yields what writes a line of JSON, so that it is there at once; into nothing if there is no path.

    The folder of the file is made. Raises UnwritableOutput, of the file itself before anything is written.
    """
    if path is None:
        yield lambda _line: None
        return
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("w", encoding="utf-8")

    def write(line: Line) -> None:
        with writing(path):
            stream.write(json.dumps(line) + "\n")
            stream.flush()

    try:
        yield write
    finally:
        with writing(path):
            stream.close()


def unwritable(error: OSError) -> UnwritableOutput | None:
    """An error that nobody expected, where it is of a path that cannot be written, or of standard output; else None."""
    if error.errno not in _WHY_UNWRITABLE:
        return None
    # Errors of sockets have no path either, but none of these numbers is one of a full disk.
    if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return None
    return UnwritableOutput.of(error.filename or "Standard output", error.strerror or str(error))
