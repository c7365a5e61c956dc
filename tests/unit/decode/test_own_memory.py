import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")

# This does not run as root, which may read everything. Changing the user also protects a process, so the protection is
# removed again, as in a process that its user started. A program that it starts then tries to read it.
PARENT = """
import ctypes, os, subprocess
from pneumonia.decode.own_memory import close_to_other_processes
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)

def reads(name):
    ran = subprocess.run(["/bin/cat", f"/proc/{os.getpid()}/{name}"], capture_output=True, text=True)
    return f"{b'SECRET' in ran.stdout.encode()} {'Permission denied' in ran.stderr}"

print(reads("environ"))
close_to_other_processes()
print(reads("environ"))
print(reads("maps"))
"""

# Decodes an image that goes to the separate process, as the function does.
DECODES = """
import ctypes, sys
from pneumonia.decode.isolated import process_decoder
from pneumonia.decode.limits import Limits
print(ctypes.CDLL(None).prctl(3))
process_decoder().decode(sys.stdin.buffer.read(), Limits())
print(ctypes.CDLL(None).prctl(3))
"""


def run(script: str, given: bytes = b"") -> list[str]:
    env = {"PYTHONPATH": str(ROOT / "lambda_src"), "AWS_SECRET_ACCESS_KEY": "SECRET", "PATH": os.environ["PATH"]}
    ran = subprocess.run(
        [sys.executable, "-c", script], input=given, env=env, capture_output=True, check=True, timeout=120
    )
    return ran.stdout.decode().splitlines()


def test_a_child_of_the_same_user_gets_eacces() -> None:
    before, environment, memory = run(PARENT)
    assert before == "True False", "The environment could not be read before either, so this test proves nothing."
    assert environment == memory == "False True"


def test_it_is_protected_before_another_process_decodes_a_file() -> None:
    stream = io.BytesIO()
    Image.new("L", (64, 64)).save(stream, "TIFF")
    assert run(DECODES, stream.getvalue()) == ["1", "0"]
