"""Free ports for servers that a test restarts on the same port, or whose port another program must know in advance."""

import os
import random
import re
import socket
from collections.abc import Iterator
from typing import Final

RANGE: Final = range(20_000, 32_000)
"""Ports below those that the system assigns to port 0, which start at 32768 (Linux) or 49152 (others)."""
MOST_WORKERS: Final = 64


def _candidates() -> Iterator[int]:
    """Yield the ports for this process. Other workers of pytest-xdist use other ports."""
    worker = re.search(r"\d+", os.environ.get("PYTEST_XDIST_WORKER", ""))
    own = RANGE[int(worker.group()) % MOST_WORKERS if worker else 0 :: MOST_WORKERS]
    while True:
        yield from random.SystemRandom().sample(own, len(own))


_ports = _candidates()


def unused_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens. No other test will take this port."""
    for port in _ports:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError("unreachable")
