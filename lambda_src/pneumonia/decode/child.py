"""`python -m pneumonia.decode.child`: decodes one file after another for `isolated`, each in a process of its own.

This process loads the libraries once and decodes nothing. For each file it forks: the new process limits its own
memory, reads the file, answers, and ends, so that nothing of a file stays. What goes in and out is in `messages`.
It ends when its input does, and with DIED or DIED_OF_MEMORY after a file that took the new process with it.
"""

import gc
import os
import resource
import signal
import sys
from collections.abc import Iterable
from typing import NoReturn

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.decode.memory_limit import has_spent, lacks_memory, limit_memory, out_of_memory
from pneumonia.decode.messages import DIED, DIED_OF_MEMORY, READY, Order, of_error, of_image, read_message
from pneumonia.errors import PneumoniaError, UndecodableImage

SOURCE, TARGET = 0, 1


def main() -> None:
    gc.disable()  # a collection would write to every page that both processes share
    while raw := os.read(SOURCE, Order.SIZE):
        order = Order.parse(raw)
        if order.dicom:
            import pneumonia.decode.dicom  # noqa: F401 - loading it is no part of the time of a film
        pid = os.fork()
        if pid == 0:
            _answer(order)
        _, status, used = os.wait4(pid, 0)
        if status:
            code = os.waitstatus_to_exitcode(status)
            # Nobody here kills it so: it was the system, which had no memory left.
            of_memory = code in (DIED_OF_MEMORY, -signal.SIGKILL) or has_spent(used, order.memory_bytes)
            sys.exit(DIED_OF_MEMORY if of_memory else DIED)


def _answer(order: Order) -> NoReturn:
    """Read a file, write what became of it, and end this process."""
    code = DIED
    try:
        limit_memory(order.memory_bytes)
        # Should nobody be left who waits for an answer, this ends it.
        resource.setrlimit(resource.RLIMIT_CPU, (order.cpu_seconds, order.cpu_seconds))
        with os.fdopen(SOURCE, "rb", closefd=False) as source, os.fdopen(TARGET, "wb", closefd=False) as target:
            fields, data = read_message(source.read)
            target.write(READY)
            target.flush()
            target.writelines(_decoded(bytes(data), Limits(**fields["limits"]), fields["enough"], order.memory_bytes))
        code = 0
    except MemoryError:
        code = DIED_OF_MEMORY
    finally:
        os._exit(code)


def _decoded(data: bytes, limits: Limits, enough: int | None, memory_bytes: int) -> Iterable[bytes]:
    """The message with the image, or with the reason for which there is none."""
    try:
        return of_image(decode(data, limits, enough))
    except MemoryError:
        return of_error(out_of_memory())
    except PneumoniaError as error:
        unable = isinstance(error, UndecodableImage)
        if lacks_memory(error) or (unable and has_spent(resource.getrusage(resource.RUSAGE_SELF), memory_bytes)):
            return of_error(out_of_memory())
        return of_error(error)


if __name__ == "__main__":
    main()
