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
def test_free_memory_is_returned() -> None:
    environment = {"PYTHONPATH": str(Path(__file__).parents[3] / "lambda_src")}
    done = subprocess.run([sys.executable, "-c", LEAVE], env=environment, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 20


# Allocates blocks of the size of an image of a megapixel, several times.
AGAIN = """
import ctypes, resource
from pneumonia.decode.heap import Heap
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
heap = Heap()
def image():
    places = [libc.malloc(2_000_000) for _ in range(4)]
    for place in places:
        ctypes.memset(place, 1, 2_000_000)
    for place in reversed(places):
        libc.free(place)
    heap.give_back()
for _ in range(3):
    image()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    image()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the GNU C library keeps the memory")
def test_memory_for_the_next_image_is_kept() -> None:
    environment = {"PYTHONPATH": str(Path(__file__).parents[3] / "lambda_src")}
    done = subprocess.run([sys.executable, "-c", AGAIN], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1000  # pages that the system had to clear; each image has 1,953


# Memory that stays in use, such as that of a library that the second request loads.
GROWN = AGAIN.replace(
    "before =", "stays = ctypes.create_string_buffer(b'1' * 40_000_000)\nimage()\nimage()\nimage()\nbefore ="
)


@pytest.mark.skipif(sys.platform != "linux", reason="the GNU C library keeps the memory")
def test_memory_that_stays_in_use_is_not_requested_for_each_image() -> None:
    environment = {"PYTHONPATH": str(Path(__file__).parents[3] / "lambda_src")}
    done = subprocess.run([sys.executable, "-c", GROWN], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1000  # each image has 1,953 pages
