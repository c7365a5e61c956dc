"""Serve until Ctrl-C or SIGTERM."""

import contextlib
import signal
import threading
from collections.abc import Iterator

_LOOK_SECONDS = 0.5


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C and SIGTERM set during a `with` block. Main thread only."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for(stop: threading.Event) -> None:
    """Wait in the main thread until the event is set, by a signal or by another thread."""
    # Python runs signal handlers in the main thread, between two of its instructions. A signal that another thread
    # receives, or that arrives just before the wait begins, would not end a wait without a time limit.
    while not stop.wait(_LOOK_SECONDS):
        pass
