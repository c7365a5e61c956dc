"""Memory of large films that are gone, given back to the system: the C library keeps it for the next ones otherwise."""

import contextlib
import ctypes
import os
import sys
from pathlib import Path

KEPT_BYTES = 16_000_000
"""What may stay, for it saves the next film a little time."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""
_RESIDENT = 1
"""Which number of /proc/self/statm is the resident memory, in pages (proc(5))."""


class Heap:
    """The heap of this process. Nothing happens where the system is not Linux with the GNU C library."""

    def __init__(self) -> None:
        self._least: int | None = None
        if sys.platform == "linux":
            # By default the C library gives back every block of 128 kB or a little more as soon as it is free, and the
            # system clears it again for the next one, several times for each film (docs/performance.md).
            with contextlib.suppress(OSError, AttributeError):
                for parameter in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
                    ctypes.CDLL(None).mallopt(parameter, KEPT_BYTES)

    def give_back(self) -> None:
        """To be called when a film is gone. One that was refused is held by its error, and goes with the next one."""
        with contextlib.suppress(OSError, AttributeError):
            if self._least is None or self._resident() > self._least + KEPT_BYTES:
                ctypes.CDLL(None).malloc_trim(0)
                now = self._resident()
                self._least = now if self._least is None else min(self._least, now)

    @staticmethod
    def _resident() -> int:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[_RESIDENT]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
