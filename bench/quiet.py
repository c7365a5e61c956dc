"""The CPU time that processes use, waiting until they use none, and letting one have the CPU before others.

Threads of an onnxruntime session go on spinning after its answer. What runs next on the same CPU then gets a half of
it, so a turn may begin only when every other process is idle.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

WINDOW_SECONDS = 0.025
"""Two ticks of the slowest kernel clock (100 Hz) and more: the kernel adds up the time of a running thread by ticks."""

_IDLE_SHARE = 0.01
PATIENCE_SECONDS = 20.0


class NeverIdle(RuntimeError):
    """A process did not become idle in time; the text names it."""


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process so far, in seconds, from /proc. Raises OSError if it is gone."""
    total = 0
    for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(schedstat.read_text(encoding="ascii").split()[0])
        except OSError:  # this thread has ended
            continue
    return total / 1e9


def wants_cpu(pid: int) -> bool:
    """Whether a thread of a process is running or would run if it had a CPU. Raises OSError if the process is gone."""
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            state = stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except OSError:  # this thread has ended
            continue
        if state == "R":
            return True
    return False


def wait_until_idle(pids: Mapping[str, int], patience_seconds: float = PATIENCE_SECONDS) -> float:
    """Wait until no process has used CPU time for a whole window, nor wants any. Returns the seconds waited.

    Both are asked: on a busy machine a thread that goes on spinning may get no time in a window.

    `pids`: process ids by name. Raises NeverIdle with the names of those that are still busy after
    `patience_seconds`, OSError if one is gone.
    """
    start = time.monotonic()
    while True:
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        time.sleep(WINDOW_SECONDS)
        busy = [
            name
            for name, pid in pids.items()
            # Not only more: the time of a thread that has ended is gone from the sum.
            if abs(cpu_seconds(pid) - before[name]) > _IDLE_SHARE * WINDOW_SECONDS or wants_cpu(pid)
        ]
        waited = time.monotonic() - start
        if not busy:
            return waited
        if waited > patience_seconds:
            raise NeverIdle(f"still busy after {waited:.0f} s: {', '.join(busy)}. No turn can begin next to it.")


def serve_first(pid: int) -> bool:
    """Let a process have the CPU before others, where this is allowed (root). Returns whether it is.

    `pid`: the leader of a session of its own. Linux shares the CPU between sessions first (autogroup), and
    priorities of processes count only within one.
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
    """Go on in a new process that leads a session of its own and has the CPU first; this one waits for it and ends.

    Call it before any thread is started. Without it, `serve_first` would raise the whole session of a terminal.
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
