import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pneumonia_cli.local.stopping import wait_for

ROOT = Path(__file__).parents[2]

# The main thread blocks the signal, so another thread receives it and the wait of the main thread is not interrupted.
PROGRAM = """
import os, signal, threading
from pneumonia_cli.local.stopping import stopped_by_signals, wait_for

with stopped_by_signals() as stop:
    threading.Timer(0.5, os.kill, (os.getpid(), signal.{name})).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.{name}])
    wait_for(stop)
print("stopped")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_that_does_not_interrupt_the_wait_ends_it(name: str) -> None:
    command = [sys.executable, "-c", PROGRAM.format(name=name)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr


def test_another_thread_may_end_it() -> None:
    stop = threading.Event()
    threading.Timer(0.01, stop.set).start()
    wait_for(stop)
