import subprocess
import sys
from pathlib import Path

import pytest

from pneumonia.decode.memory_limit import lacks_memory
from pneumonia.errors import UndecodableImage

REFUSED = """
import ctypes
from pneumonia.decode.memory_limit import forget_refusals, limit_memory, was_refused
malloc = ctypes.CDLL(None).malloc
malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
limit_memory(100_000_000)
told = []
for size in (200_000_000, 1_000, 50_000_000):
    forget_refusals()
    malloc(size)
    told.append(was_refused())
assert told == [True, False, False], told
"""
ALLOCATE = """
import sys
import numpy as np
from pneumonia.decode.memory_limit import limit_memory
before = np.ones(50_000_000, np.uint8)
limit_memory(100_000_000)
np.ones(int(sys.argv[1]), np.uint8)
"""


on_linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory in use is read from Linux's /proc")


def run(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PYTHONPATH": str(Path(__file__).parents[3] / "lambda_src"), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@on_linux
@pytest.mark.parametrize(("megabytes", "fits"), [(80, True), (110, False)])
def test_a_process_gets_no_more_memory_than_its_limit(megabytes: int, fits: bool) -> None:
    done = run(ALLOCATE, str(megabytes * 1_000_000))
    assert (done.returncode == 0) is fits
    assert fits or "MemoryError" in done.stderr


@on_linux
def test_a_refused_allocation_of_c_is_detected() -> None:
    done = run(REFUSED)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("cause", [MemoryError(), OSError("decoder error -9")])
def test_too_little_memory_is_found_as_the_cause_of_another_error(cause: Exception) -> None:
    error = UndecodableImage("damaged")
    error.__cause__ = ValueError()
    assert not lacks_memory(error)
    error.__cause__.__context__ = cause
    assert lacks_memory(error)
