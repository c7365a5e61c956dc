"""Memory of this process, as the kernel counts it."""

import re
from pathlib import Path


def megabytes(kind: str) -> float:
    """VmRSS: now; VmHWM: at the peak (proc(5)). Raises RuntimeError where the kernel does not say it."""
    found = re.search(rf"{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    if found is None:
        raise RuntimeError(f"/proc/self/status has no {kind}.")
    return int(found.group(1)) / 1024
