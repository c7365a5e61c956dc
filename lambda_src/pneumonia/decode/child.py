"""`python -m pneumonia.decode.child BYTES`: decode files for `isolated`, each in a separate process.

This process loads the libraries once and does not decode. It forks a process for each file before the file arrives. The
forked process may allocate BYTES bytes in addition to the memory it already has. It waits for a file, sends the reply,
and exits, so no data of a file stays in memory. `messages` defines the format of files and replies. This process exits
when its input ends. If a file crashes the forked process, this process exits with DIED or DIED_OF_MEMORY.
"""

import gc
import os
import resource
import signal
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

import numpy.ma  # noqa: F401 - loaded once before the fork, like `dicom`, instead of in each forked process
from PIL import Image

import pneumonia.decode.dicom  # noqa: F401
from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.decode.memory_limit import (
    forget_refusals,
    has_spent,
    lacks_memory,
    limit_memory,
    out_of_memory,
    was_refused,
)
from pneumonia.decode.messages import DIED, DIED_OF_MEMORY, READY, of_error, of_image, read_message
from pneumonia.errors import PneumoniaError, UndecodableImage

SOURCE, TARGET = 0, 1
GRACE_SECONDS = 5
_ENDED = 4


def main(memory_bytes: int) -> None:
    Image.init()  # Pillow's plugins are also loaded once, before the fork
    gc.freeze()  # otherwise garbage collection would write to every memory page that the processes share
    while (code := _one_file(memory_bytes)) == 0:
        pass
    sys.exit(0 if code == _ENDED else code)


def _one_file(memory_bytes: int) -> int:
    """Fork a process that decodes one file. Return 0 if it succeeded, else the exit code for this process."""
    pid = os.fork()
    if pid == 0:
        _answer(memory_bytes)
    _, status, used = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code in (0, _ENDED):
        return code
    # This module never sends SIGKILL, so the system sent it, because memory ran out.
    of_memory = code in (DIED_OF_MEMORY, -signal.SIGKILL) or has_spent(used, memory_bytes)
    return DIED_OF_MEMORY if of_memory else DIED


def _answer(memory_bytes: int) -> NoReturn:
    """Read a file, write the image or the error, and end this process."""
    code = DIED
    try:
        limit_memory(memory_bytes)
        with os.fdopen(SOURCE, "rb", closefd=False) as source, os.fdopen(TARGET, "wb", closefd=False) as target:
            fields, data = read_message(source.read)
            limits = Limits(**fields["limits"])
            # Limit the CPU time, so that this process ends even if the caller, which enforces the time limit, has died.
            seconds = int(limits.decode_seconds) + GRACE_SECONDS
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            target.write(READY)
            target.flush()
            target.writelines(_decoded(bytes(data), limits, fields, memory_bytes))
        code = 0
    except EOFError:
        code = _ENDED
    except MemoryError:
        code = DIED_OF_MEMORY
    finally:
        os._exit(code)


def _decoded(data: bytes, limits: Limits, asked: dict[str, Any], memory_bytes: int) -> Iterable[bytes]:
    """Return the message with the image, or with the error. `asked`: the fields of the request."""
    forget_refusals()
    try:
        return of_image(decode(data, limits, asked["enough"], own_depth=asked["own_depth"]))
    except MemoryError:
        return of_error(out_of_memory())
    except PneumoniaError as error:
        refused = was_refused()  # read first, because later calls may change it
        if lacks_memory(error):
            return of_error(out_of_memory())
        if isinstance(error, UndecodableImage):
            used = resource.getrusage(resource.RUSAGE_SELF)
            if refused or has_spent(used, memory_bytes):
                return of_error(out_of_memory())
        return of_error(error)


if __name__ == "__main__":
    main(int(sys.argv[1]))
