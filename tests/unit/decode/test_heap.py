import subprocess
import sys
from pathlib import Path

import pytest

# Pieces of an image as Pillow allocates them, freed in an order that leaves holes in the heap.
LEAVE = """
import ctypes, re
from pathlib import Path
from pneumonia.decode.heap import Heap
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
def megabytes():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1)) / 1024
heap = Heap()
heap.give_back()
before = megabytes()
places = [libc.malloc(100_000) for _ in range(1000)]
for place in places:
    ctypes.memset(place, 1, 100_000)
for place in places[:-1]:
    libc.free(place)
assert megabytes() - before > 80
heap.give_back()
print(megabytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the GNU C library keeps the memory")
def test_what_is_free_is_given_back() -> None:
    environment = {"PYTHONPATH": str(Path(__file__).parents[3] / "lambda_src")}
    done = subprocess.run([sys.executable, "-c", LEAVE], env=environment, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 20
