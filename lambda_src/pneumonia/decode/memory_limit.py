"""A limit on memory that the operating system keeps, and how to tell that a decoder has met it."""

import contextlib
import ctypes
import errno
import os
import resource
from pathlib import Path

from pneumonia.errors import TooLarge

_DATA = 5
"""Which number of /proc/self/statm is the data: heap, stacks, and private writable mappings, in pages (proc(5))."""

_SPENT_SHARE = 0.5
"""A decoder that failed after it took so much of its limit failed for want of more."""

_PILLOWS_WORD = "decoder error -9"
"""IMAGING_CODEC_MEMORY in its C code."""


def limit_memory(most_bytes: int) -> None:
    """Let this process allocate so much more than it has, and no more.

    RLIMIT_DATA and not RLIMIT_AS: it counts what is allocated, and not the code of libraries. Nothing happens where the
    system does not say how much is in use (other systems than Linux).
    """
    with contextlib.suppress(FileNotFoundError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[_DATA])
        most = pages * os.sysconf("SC_PAGE_SIZE") + most_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def lacks_memory(error: BaseException) -> bool:
    """Whether an error, or one that it came from, is for want of memory: Python's, or Pillow's word for it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError) or str(seen) == _PILLOWS_WORD:
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def forget_refusals() -> None:
    """Let `was_refused` tell of what comes after this call."""
    with contextlib.suppress(AttributeError):
        _last_error()[0] = 0


def was_refused() -> bool:
    """Whether the system refused memory to a library of C in this thread since `forget_refusals`.

    A decoder that asks for all its memory at once spends none of it, and most say only that it failed. But `malloc`
    leaves ENOMEM behind, and no call that succeeds changes that. False where the C library is not that of Linux.
    """
    with contextlib.suppress(AttributeError):
        return bool(_last_error()[0] == errno.ENOMEM)
    return False


def _last_error() -> "ctypes._Pointer[ctypes.c_int]":
    """C's own errno of this thread; that of `ctypes.get_errno` is another one. Raises AttributeError."""
    place = ctypes.CDLL(None).__errno_location
    place.restype = ctypes.POINTER(ctypes.c_int)
    found: ctypes._Pointer[ctypes.c_int] = place()
    return found


def has_spent(used: resource.struct_rusage, most_bytes: int) -> bool:
    """Whether the peak of a process came near a limit of so many bytes."""
    return used.ru_maxrss * 1024 > _SPENT_SHARE * most_bytes


def out_of_memory() -> TooLarge:
    """The error for an image that takes more memory than it may."""
    return TooLarge(
        "The image takes more memory to decode than it may. Export the film again, smaller or as JPEG or PNG."
    )
