"""What has to be measured in a process of its own: peak memory and the time that imports take."""

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_REQUESTS = """
from bench.films import mixed
from bench.served import handler_call
calls = {}
for film in mixed(COUNT):
    if film.name not in calls:
        calls[film.name] = handler_call(film)
    calls[film.name]()
status = open('/proc/self/status').read()  # getrusage would answer the parent's peak where that is larger
print(status.partition('VmHWM:')[2].split()[0])
"""
_IMPORT_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|( +)(\S+)")


def peak_megabytes(requests: int) -> float:
    """Peak resident memory (MB of 10^6 bytes) of a process that answers so many mixed requests."""
    done = _python("-c", _REQUESTS.replace("COUNT", str(requests)))
    return round(int(done.stdout.split()[-1]) * 1024 / 1e6, 1)


def import_profile(module: str = "pneumonia.api") -> dict[str, float]:
    """Milliseconds that the packages loaded by `import module` take themselves, largest first."""
    taken: dict[str, float] = defaultdict(float)
    for line in _python("-X", "importtime", "-c", f"import {module}").stderr.splitlines():
        if match := _IMPORT_LINE.match(line):
            taken[match.group(4).partition(".")[0]] += int(match.group(1)) / 1000
    return {name: round(ms, 1) for name, ms in sorted(taken.items(), key=lambda item: -item[1])[:12]}


def _python(*arguments: str) -> "subprocess.CompletedProcess[str]":
    path = os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "AUTH_MODE": "none", "AWS_DEFAULT_REGION": "us-east-1"}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)
