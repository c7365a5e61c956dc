"""Set a memory limit that the operating system enforces, and detect that a decoder has reached it."""

import contextlib
import ctypes
import errno
import os
import resource
from pathlib import Path

from pneumonia.errors import TooLarge

_DATA = 5
"""Index of the data (heap, stacks, private writable mappings), in pages, in /proc/self/statm (proc(5))."""

_SPENT_SHARE = 0.5
"""A decoder that fails after it used this share of its limit is assumed to have run out of memory."""

_PILLOWS_WORD = "decoder error -9"
"""Pillow's message for IMAGING_CODEC_MEMORY in its C code."""


def limit_memory(most_bytes: int) -> None:
    """Limit this process to `most_bytes` more memory than it has now.

    RLIMIT_DATA is used rather than RLIMIT_AS, because RLIMIT_AS also counts the code of libraries. This function does
    nothing on systems that do not report how much memory is in use (systems other than Linux).
    """
    with contextlib.suppress(FileNotFoundError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[_DATA])
        most = pages * os.sysconf("SC_PAGE_SIZE") + most_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error, or one that caused it, means too little memory: a MemoryError, or Pillow's message."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError) or str(seen) == _PILLOWS_WORD:
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def forget_refusals() -> None:
    """Reset `was_refused`, so that it reports only what happens after this call."""
    with contextlib.suppress(AttributeError):
        _last_error()[0] = 0


def was_refused() -> bool:
    """Return whether the system refused memory to a C library in this thread since `forget_refusals` was called.

    If a decoder requests all its memory at once and is refused, it uses none, so its memory use does not show the
    cause. Most decoders report only that they failed. But `malloc` sets errno to ENOMEM, and successful calls do
    not reset errno. Returns False on systems other than Linux.
    """
    with contextlib.suppress(AttributeError):
        return bool(_last_error()[0] == errno.ENOMEM)
    return False


def _last_error() -> "ctypes._Pointer[ctypes.c_int]":
    """Return C's errno of this thread (`ctypes.get_errno` returns a copy). Raises AttributeError except on Linux."""
    place = ctypes.CDLL(None).__errno_location
    place.restype = ctypes.POINTER(ctypes.c_int)
    found: ctypes._Pointer[ctypes.c_int] = place()
    return found


def has_spent(used: resource.struct_rusage, most_bytes: int) -> bool:
    """Return whether the peak memory of a process came near a limit of `most_bytes`."""
    return used.ru_maxrss * 1024 > _SPENT_SHARE * most_bytes


def out_of_memory() -> TooLarge:
    """Return the error for an image that needs more memory than it may use."""
    return TooLarge(
        "The image needs more memory to decode than allowed. Export the image again, smaller or as JPEG or PNG."
    )
