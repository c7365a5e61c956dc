"""Write the files of the commands. If writing fails, the error names the path and the reason."""

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
    """Turn OSError into UnwritableOutput in a block that only writes to `path`.

    If `path` is a folder, the error names the file in it that failed, if the file is known.
    """
    try:
        yield
    except OSError as error:
        raise UnwritableOutput.of(error.filename or path, error.strerror or str(error)) from error


def make_folder(path: Path) -> None:
    """Create a folder and check that files can be written to it. Raises UnwritableOutput."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        try:
            tempfile.TemporaryFile(dir=path).close()
        except OSError as error:
            # Name the folder: the name of the temporary file does not help the user.
            raise OSError(error.errno, error.strerror, str(path)) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file. Raises UnwritableOutput."""
    with writing(path):
        path.write_bytes(data)


@contextmanager
def lines_to(path: Path | None) -> Iterator[Callable[[Line], None]]:
    """Yield a function that writes a line of JSON to `path` and flushes it. Without `path` the function does nothing.

    The folder of the file is created. The file is opened before the first line. Raises UnwritableOutput.
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
    """Return UnwritableOutput if an unexpected error is about an unwritable path or standard output, else None."""
    if error.errno not in _WHY_UNWRITABLE:
        return None
    # Errors of standard output and of sockets have no path. Only these numbers mean that standard output failed.
    if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return None
    return UnwritableOutput.of(error.filename or "Standard output", error.strerror or str(error))
