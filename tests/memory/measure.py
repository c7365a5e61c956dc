"""Memory of a function's processes, all together: what a file takes, and what stays of it."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
POLL_SECONDS = 0.003
SETTLE_SECONDS, SETTLE_STEP_SECONDS, SAME_MEGABYTES = 3.0, 0.03, 0.5


@dataclass(frozen=True)
class Cost:
    """`outcome`: "predicted" or a code. Megabytes above those of the idle function, at the peak and afterwards."""

    outcome: str
    seconds: float
    peak_megabytes: float
    left_megabytes: float


class Function:
    """A process that predicts, with the processes that it starts, and a folder for the files that are given to it."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._films: list[Path] = []
        self._idle = 0.0

    def warm_up(self, *films: bytes) -> None:
        """Let it predict these before anything is measured, and again after each file: it is idle then."""
        for number, film in enumerate(films):
            self._films.append(self._folder / f"film-{number}")
            self._films[-1].write_bytes(film)
        for _ in range(2):
            self._rest()
        self._idle = settled_megabytes(self._process.pid)

    def cost(self, data: bytes) -> Cost:
        """Let it predict a file, and measure. Raises RuntimeError if the process died."""
        path = self._folder / "measured"
        path.write_bytes(data)
        with _peak(self._process.pid) as peak:
            outcome, seconds = self._ask(path)
        self._rest()
        left = settled_megabytes(self._process.pid) - self._idle
        return Cost(outcome, seconds, max(peak) - self._idle, left)

    def _rest(self) -> None:
        for film in self._films:
            self._ask(film)

    def _ask(self, path: Path) -> tuple[str, float]:
        source, target = self._process.stdout, self._process.stdin
        if source is None or target is None:
            raise RuntimeError("The process has no pipes.")
        target.write(f"{path}\n")
        target.flush()
        line = source.readline()
        if not line:
            raise RuntimeError(f"The process died with {self._process.wait()}.")
        outcome, seconds = json.loads(line)
        return outcome, seconds


@contextmanager
def function(model_dir: Path, folder: Path, module: str = "tests.memory.process") -> Iterator[Function]:
    """The processes, started; nothing of their memory is that of the first film."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])}
    command = [sys.executable, "-m", module, str(model_dir)]
    with subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield Function(process, folder)
        finally:
            process.kill()


def megabytes(pid: int) -> float:
    """Of a process and all its descendants; pages that several of them share are counted once."""
    return sum(map(_own_megabytes, _family(pid)))


def settled_megabytes(pid: int) -> float:
    """`megabytes` once it stays the same: the process for the next film is made meanwhile."""
    end, before = time.monotonic() + SETTLE_SECONDS, megabytes(pid)
    while time.monotonic() < end:
        time.sleep(SETTLE_STEP_SECONDS)
        now = megabytes(pid)
        if abs(now - before) < SAME_MEGABYTES:
            return now
        before = now
    return before


@contextmanager
def _peak(pid: int) -> Iterator[list[float]]:
    """What `megabytes` was meanwhile, measured again and again."""
    found, done = [megabytes(pid)], threading.Event()

    def poll() -> None:
        while not done.wait(POLL_SECONDS):
            found.append(megabytes(pid))

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def _family(pid: int) -> list[int]:
    found = [pid]
    for member in found:  # grows meanwhile
        try:
            for children in Path(f"/proc/{member}/task").glob("*/children"):
                found += map(int, children.read_text(encoding="ascii").split())
        except OSError:  # it has ended
            continue
    return found


def _own_megabytes(pid: int) -> float:
    """The proportional size; the resident one where that may not be read."""
    for name, pattern in (("smaps_rollup", r"Pss:\s+(\d+) kB"), ("status", r"VmRSS:\s+(\d+) kB")):
        try:
            found = re.search(pattern, Path(f"/proc/{pid}/{name}").read_text(encoding="ascii"))
        except PermissionError:
            continue
        except OSError:
            return 0.0
        return int(found.group(1)) / 1024 if found else 0.0
    return 0.0
