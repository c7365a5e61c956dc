"""A gate between a queue and its function. Shutting it works like disabling the event source mapping."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.lambda_context import LocalContext
from pneumonia_cli.local.poller import Handler, Poller

_LOOK_SECONDS = 0.1


class Gate:
    """A gate, open at first. It stays open or shut when another event source mapping takes over the queue."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._delivering = threading.Lock()

    @contextlib.contextmanager
    def shut(self) -> Iterator[None]:
        """Take nothing from the queue during a `with` block. A running batch is finished first."""
        self._open.clear()
        try:
            with self._delivering:
                pass
            yield
        finally:
            self._open.set()

    def through(self, deliver: Callable[[], int]) -> int:
        """Deliver one batch if the gate is open. Return the number of delivered messages: 0 if the gate is shut."""
        with self._delivering:
            if self._open.is_set():
                return deliver()
        time.sleep(_LOOK_SECONDS)
        return 0


class GatedPoller(Poller):
    """The poller of a queue behind its gate."""

    def __init__(
        self, cloud: Cloud, handler: Handler, new_context: Callable[[], LocalContext], batch_size: int, gate: Gate
    ) -> None:
        super().__init__(cloud, handler, new_context, batch_size)
        self._gate = gate

    def poll(self, wait_seconds: int = 0) -> int:
        return self._gate.through(lambda: super(GatedPoller, self).poll(wait_seconds))
