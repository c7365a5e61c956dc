"""Measure how much memory all processes of a function use for a file, and how much stays in use afterwards."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.memory.watched import Used

ROOT = Path(__file__).parents[2]
REST_MEGABYTES = 5
"""Memory that may stay in use after an image. If more stays in use, the measurement is repeated."""


@dataclass(frozen=True)
class Cost:
    """`outcome`: "predicted" or a code. `seconds`: wall-clock time. `cpu_seconds`: processor time of all processes.

    All megabytes are in addition to the memory of the idle function. `peak_megabytes`: the sum of the peaks of all
    processes. `left_megabytes`: the memory afterwards. `decoder_megabytes`: the peak of the decoder process alone. The
    peak of the function's own process varies, because `pneumonia.decode.heap` keeps memory for the next image.
    """

    outcome: str
    seconds: float
    cpu_seconds: float
    peak_megabytes: float
    left_megabytes: float
    decoder_megabytes: float = 0.0


class Function:
    """A process that predicts, with its child processes, and a folder for the files passed to it."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._images: list[Path] = []
        self._idle = Used(0, 0, 0, 0, 0, 0)

    def warm_up(self, *images: bytes) -> None:
        """Predict these images before the first measurement, and again if much memory stays in use.

        The function is idle afterwards. At least one image must be decoded in the separate process.
        """
        for number, image in enumerate(images):
            self._images.append(self._folder / f"image-{number}")
            self._images[-1].write_bytes(image)
        for _ in range(2):
            found = self._rest()
        apart = [used for used in found if used.decoder_peak]
        self._idle = replace(
            found[-1], decoder_peak=min(used.decoder_peak for used in apart), decoder_after=apart[-1].decoder_after
        )

    def cost(self, data: bytes) -> Cost:
        """Predict a file and return its cost. Raises RuntimeError if the process died."""
        path = self._folder / "measured"
        path.write_bytes(data)
        outcome, used = self._ask(path)
        decoder = max(0, used.decoder_peak - self._idle.decoder_peak)
        peak = used.own_peak - self._idle.own_after + decoder
        left = self._left(used)
        if left > REST_MEGABYTES:
            left = self._left(self._rest()[-1])
        return Cost(outcome, used.seconds, used.cpu_seconds, peak, left, decoder)

    def _left(self, used: Used) -> float:
        own = used.own_after - self._idle.own_after
        return own + max(0, used.decoder_after - self._idle.decoder_after)

    def _rest(self) -> list[Used]:
        return [self._ask(image)[1] for image in self._images]

    def _ask(self, path: Path) -> tuple[str, Used]:
        source, target = self._process.stdout, self._process.stdin
        if source is None or target is None:
            raise RuntimeError("The process has no pipes.")
        target.write(f"{path}\n")
        target.flush()
        line = source.readline()
        if not line:
            raise RuntimeError(f"The process died with {self._process.wait()}.")
        outcome, used = json.loads(line)
        return outcome, Used(**used)


@contextmanager
def function(
    model_dir: Path, folder: Path, module: str = "tests.memory.process", path: tuple[Path, ...] = ()
) -> Iterator[Function]:
    """Start the processes of a function. `path`: more folders for the module path."""
    folders = (*path, ROOT / "lambda_src", ROOT)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))}
    command = [sys.executable, "-m", module, str(model_dir)]
    with subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield Function(process, folder)
        finally:
            process.kill()
