"""Wait until processes are idle, and give one process priority for the CPU.

The threads of an onnxruntime session keep spinning for a while after a run. The next process on the same CPU would
get only half of the CPU, so a turn may begin only when every other process is idle.
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
    """A process did not become idle in time. The message names the process."""


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that all threads of a process have used so far. Raises OSError if the process ended."""
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
    """Wait until no process used CPU time for a whole window and none is ready to run. Return the seconds waited.

    CPU time alone is not enough: on a busy machine, a spinning thread may get no CPU time during a window.

    `pids`: process ids by name. Raises NeverIdle with the names of processes that are still busy after
    `patience_seconds`, and OSError if a process ended.
    """
    start = time.monotonic()
    while True:
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        time.sleep(WINDOW_SECONDS)
        busy = [
            name
            for name, pid in pids.items()
            # Use the absolute change: the sum shrinks when a thread ends, because its time no longer counts.
            if abs(cpu_seconds(pid) - before[name]) > _IDLE_SHARE * WINDOW_SECONDS or wants_cpu(pid)
        ]
        waited = time.monotonic() - start
        if not busy:
            return waited
        if waited > patience_seconds:
            raise NeverIdle(f"still busy after {waited:.0f} s: {', '.join(busy)}. A turn needs idle processes.")


def serve_first(pid: int) -> bool:
    """Give a process priority over all others, which needs root. Return whether this was allowed.

    `pid`: the leader of a separate session. Linux first divides the CPU between sessions (autogroup). The priority of a
    process counts only within its session.
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
    """Fork. The child leads a new session with priority for the CPU and continues. The parent waits for it and exits.

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
