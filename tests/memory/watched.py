"""Measure the resources that this process and the decoder process use for one file.

The kernel counts them, so no peak is missed, as it could be with sampling, and measuring costs nothing.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pneumonia.decode import isolated
from tests.memory.kernel import megabytes

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER (prctl(2))


@dataclass
class Used:
    """The resources of one call.

    `own_peak`, `own_after`: megabytes of this process. `decoder_peak`: megabytes of the process that decoded the file.
    `decoder_after`: megabytes of the process that forked the decoder; 0 if there is none. `seconds`: wall-clock time.
    `cpu_seconds`: processor time of all these processes.
    """

    own_peak: float
    own_after: float
    decoder_peak: float
    decoder_after: float
    seconds: float
    cpu_seconds: float

    def to_json(self) -> dict[str, float]:
        return asdict(self)


class Decoder(NamedTuple):
    """A process that decoded an image: its peak megabytes, processor seconds, and the megabytes of its parent."""

    peak: float
    cpu_seconds: float
    parent: float


class Watch:
    """Measure this process and its decoder processes. Create only one object per process."""

    def __init__(self) -> None:
        self._asked = 0
        self._notes = -1
        self._unread = b""
        self._measured_from_outside()
        self._start_with_notes()
        self._count_images()

    def used(self, predict: Callable[[], object]) -> Used:
        """Return the resources of a call."""
        self._asked = 0
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak (proc(5))
        start, cpu = time.perf_counter(), time.process_time()
        predict()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        own_peak, own_after = megabytes("VmHWM"), megabytes("VmRSS")
        decoders = list(self._decoders()) if self._asked else []
        return Used(
            own_peak,
            own_after,
            max((decoder.peak for decoder in decoders), default=0.0),
            decoders[-1].parent if decoders else 0.0,
            seconds,
            cpu + sum(decoder.cpu_seconds for decoder in decoders),
        )

    def _measured_from_outside(self) -> None:
        """Keep this process's /proc files readable: `decode.own_memory` would hide them from processes without root."""
        setattr(isolated, "close_to_other_processes", lambda: None)  # noqa: B010 - not exported from there

    def _start_with_notes(self) -> None:
        """Start the decoder process as `tests.memory.child`, which notes the resources of its children."""
        watch = self

        class Noting(subprocess.Popen[Any]):
            def __init__(self, command: list[str], **options: Any) -> None:
                if "pneumonia.decode.child" in command:
                    notes, target = os.pipe()
                    watch._notes, watch._unread = notes, b""
                    options["pass_fds"] = (target,)
                    command = [command[0], "-m", "tests.memory.child", command[-1], str(target)]
                    super().__init__(command, **options)
                    os.close(target)
                else:
                    super().__init__(command, **options)

        setattr(subprocess, "Popen", Noting)  # noqa: B010 - a class is no variable
        import ctypes

        # Adopt decoders whose parent is killed with them, so that this process can wait for them and measure them.
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)

    def _count_images(self) -> None:
        decode = isolated.Decoder.decode

        def counted(*arguments: Any, **options: Any) -> Any:
            self._asked += 1
            return decode(*arguments, **options)

        setattr(isolated.Decoder, "decode", counted)  # noqa: B010 - a method is no variable

    def _decoders(self) -> Iterator[Decoder]:
        """Yield the processes that decoded the images of this call."""
        replaced = isolated.process_decoder()._process is None
        for _ in range(self._asked):
            if line := self._line():
                yield Decoder(*map(float, line.split()))
        if replaced:
            os.close(self._notes)
            with contextlib.suppress(ChildProcessError):
                while True:
                    _, _, used = os.wait4(-1, 0)
                    yield Decoder(used.ru_maxrss / 1024, used.ru_utime + used.ru_stime, 0.0)

    def _line(self) -> bytes:
        """Return the next note; empty after the process that writes the notes has ended."""
        while b"\n" not in self._unread:
            more = os.read(self._notes, 4096)
            if not more:
                return b""
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line
