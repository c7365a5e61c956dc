"""Keep freed memory for reuse while an image is processed, and return it to the system afterwards."""

import contextlib
import ctypes
import os
import sys

KEPT_BYTES = 16_000_000
"""Memory that may stay allocated, because it saves the next image a little time."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""
_RESIDENT = 1
"""Index of the resident memory, in pages, in /proc/self/statm (proc(5))."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0


class Heap:
    """The heap of this process. It does nothing on systems other than Linux with the GNU C library."""

    def __init__(self) -> None:
        self._least: int | None = None
        self._left = 0
        self._pages: int | None = None
        if sys.platform == "linux":
            # By default the C library returns every block above about 128 kB to the system as soon as it is free. The
            # system then clears memory for the next block, several times for each image (docs/performance.md).
            with contextlib.suppress(OSError, AttributeError):
                for parameter in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
                    ctypes.CDLL(None).mallopt(parameter, KEPT_BYTES)

    def give_back(self) -> None:
        """Return free memory to the system. Call this when an image is no longer used.

        The error of a refused image still refers to the image, so its memory is returned only after the next image.
        """
        with contextlib.suppress(OSError, AttributeError):
            if self._least is None or self._resident() > self._least + KEPT_BYTES:
                ctypes.CDLL(None).malloc_trim(0)
                now = self._resident()
                # Memory that two calls in a row could not return stays in use. A single call may leave the memory of a
                # refused image, which the next call returns.
                self._least = now if self._least is None else min(self._left, now)
                self._left = now

    def _resident(self) -> int:
        # The file stays open: opening it takes five times as long as reading it.
        if self._pages is None:
            self._pages = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        return int(os.pread(self._pages, 128, 0).split()[_RESIDENT]) * _PAGE_BYTES
