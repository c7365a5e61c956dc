"""Memory of this process as measured by the kernel."""

import re
from pathlib import Path


def megabytes(kind: str) -> float:
    """Return VmRSS (current) or VmHWM (peak) in megabytes (proc(5)). Raises RuntimeError if the kernel lacks it."""
    found = re.search(rf"{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    if found is None:
        raise RuntimeError(f"/proc/self/status has no {kind}.")
    return int(found.group(1)) / 1024
