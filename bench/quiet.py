"""Read the CPU time of processes, wait until they are idle, and give one process the CPU before others.

The threads of an onnxruntime session keep spinning after its answer. The next process on the same CPU then gets half of
it, so a turn may begin only when every other process is idle.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

WINDOW_SECONDS = 0.025
"""More than two ticks of the slowest kernel clock (100 Hz), because the kernel counts the time of threads in ticks."""

_IDLE_SHARE = 0.01
PATIENCE_SECONDS = 20.0


class NeverIdle(RuntimeError):
    """A process did not become idle in time. The text names it."""


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads of a process so far, in seconds, from /proc. Raises OSError if it ended."""
    total = 0
    for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(schedstat.read_text(encoding="ascii").split()[0])
        except OSError:  # the thread ended
            continue
    return total / 1e9


def wants_cpu(pid: int) -> bool:
    """Return whether a thread of a process is running or ready to run. Raises OSError if the process ended."""
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            state = stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except OSError:  # the thread ended
            continue
        if state == "R":
            return True
    return False


def wait_until_idle(pids: Mapping[str, int], patience_seconds: float = PATIENCE_SECONDS) -> float:
    """Wait until no process used CPU time for a whole window and none is ready to run. Returns the seconds waited.

    Both conditions are checked, because a spinning thread may get no time in a window on a busy machine.

    `pids`: process ids by name. Raises NeverIdle with the names of processes that are still busy after
    `patience_seconds`, OSError if one ended.
    """
    start = time.monotonic()
    while True:
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        time.sleep(WINDOW_SECONDS)
        busy = [
            name
            for name, pid in pids.items()
            # The sum can also shrink, because it loses the time of a thread that ended.
            if abs(cpu_seconds(pid) - before[name]) > _IDLE_SHARE * WINDOW_SECONDS or wants_cpu(pid)
        ]
        waited = time.monotonic() - start
        if not busy:
            return waited
        if waited > patience_seconds:
            raise NeverIdle(f"still busy after {waited:.0f} s: {', '.join(busy)}. A turn needs idle processes.")


def serve_first(pid: int) -> bool:
    """Give a process the CPU before others, where this is allowed (root). Returns whether it is allowed.

    `pid`: the leader of a separate session. Linux divides the CPU between sessions first (autogroup); process
    priorities count only within a session.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, pid, -20)
        Path(f"/proc/{pid}/autogroup").write_text("-20", encoding="ascii")
    except FileNotFoundError:  # a kernel without autogroups
        return True
    except OSError:
        return False
    return True


def in_own_session() -> None:
    """Continue in a new process that leads its own session and has the CPU first. This process waits for it and ends.

    Call this before any thread is started. Without it, `serve_first` would prioritise the whole session of a terminal.
    """
    child = os.fork()
    if child == 0:
        os.setsid()
        serve_first(os.getpid())
        return
    try:
        _, status = os.waitpid(child, 0)
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        raise
    sys.exit(os.waitstatus_to_exitcode(status))
