"""Ports for servers that a test starts again, or whose port another program must know before they run."""

import os
import random
import re
import socket
from collections.abc import Iterator
from typing import Final

RANGE: Final = range(20_000, 32_000)
"""Below the ports that the system gives to anyone who asks for any port: from 32768 (Linux) or 49152 (others)."""
MOST_WORKERS: Final = 64


def _candidates() -> Iterator[int]:
    """Yield the ports of this process. Other workers of pytest-xdist have other ones."""
    worker = re.search(r"\d+", os.environ.get("PYTEST_XDIST_WORKER", ""))
    own = RANGE[int(worker.group()) % MOST_WORKERS if worker else 0 :: MOST_WORKERS]
    while True:
        yield from random.SystemRandom().sample(own, len(own))


_ports = _candidates()


def unused_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens. No other test takes it in the meantime."""
    for port in _ports:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise AssertionError("unreachable")
