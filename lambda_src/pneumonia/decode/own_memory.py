"""Keeps a process of the same user from reading this one.

The environment of this process holds credentials. Every process of the same user can read it in /proc/PID/environ, and
the memory in /proc/PID/mem: the process that decodes could do so, once a file has taken it over, though it was given
neither.

On Lambda the runtime, this code and what it starts are one unprivileged user, without CAP_SYS_PTRACE, and prctl needs
no right: there it is as in the test. It closes neither the network nor the Runtime API of Lambda on 127.0.0.1 to that
process; the latter hands out events, and no credentials.
"""

import contextlib
import functools

_PR_SET_DUMPABLE = 4


@functools.cache
def close_to_other_processes() -> None:
    """From now on no process without CAP_SYS_PTRACE can read this process's environment and memory in /proc.

    The files become root's (prctl(2), PR_SET_DUMPABLE), and no core dump is written. Programs that it starts are not
    closed. Nothing happens on systems without prctl (other than Linux).
    """
    # Imported here: most callers never send a film that another process decodes.
    import ctypes

    with contextlib.suppress(AttributeError):
        # Never refused for 0.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
