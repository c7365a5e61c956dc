"""Prevent other processes of the same user from reading the memory and environment of this process.

The environment of this process contains credentials. Every process of the same user can read them in
/proc/PID/environ, and this process's memory in /proc/PID/mem. A decoder process that a malicious file has taken over
could read them too, although it receives no credentials.

On Lambda, the runtime, this code and its child processes run as one unprivileged user without CAP_SYS_PTRACE. The
protection works there as it does in the test, because prctl needs no privilege. The decoder process can still reach the
network and the Lambda Runtime API on 127.0.0.1, which delivers events but no credentials.
"""

import contextlib
import functools

_PR_SET_DUMPABLE = 4


@functools.cache
def close_to_other_processes() -> None:
    """Prevent processes without CAP_SYS_PTRACE from reading this process's environment and memory in /proc.

    These files then belong to root (prctl(2), PR_SET_DUMPABLE), and no core dump is written. Programs that this process
    starts are not protected. This function does nothing on systems without prctl (systems other than Linux).
    """
    # Imported here, because most callers never send an image that another process decodes.
    import ctypes

    with contextlib.suppress(AttributeError):
        # The system never refuses the value 0.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
