import subprocess
import sys
from pathlib import Path

import pytest

from pneumonia.decode.memory_limit import lacks_memory
from pneumonia.errors import UndecodableImage

ALLOCATE = """
import sys
import numpy as np
from pneumonia.decode.memory_limit import limit_memory
before = np.ones(50_000_000, np.uint8)
limit_memory(100_000_000)
np.ones(int(sys.argv[1]), np.uint8)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory in use is told by Linux's /proc")
@pytest.mark.parametrize(("megabytes", "fits"), [(80, True), (110, False)])
def test_a_process_gets_so_much_more_and_no_more(megabytes: int, fits: bool) -> None:
    environment = {"PYTHONPATH": str(Path(__file__).parents[3] / "lambda_src"), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ALLOCATE, str(megabytes * 1_000_000)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode == 0) is fits
    assert fits or "MemoryError" in done.stderr


@pytest.mark.parametrize("cause", [MemoryError(), OSError("decoder error -9")])
def test_want_of_memory_is_found_behind_another_error(cause: Exception) -> None:
    error = UndecodableImage("damaged")
    error.__cause__ = ValueError()
    assert not lacks_memory(error)
    error.__cause__.__context__ = cause
    assert lacks_memory(error)
