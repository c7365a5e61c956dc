"""What one file takes of this process and of the one that decodes, as the kernel counts it: nothing is missed between
two looks, and no look costs anything."""

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
    """Megabytes of this process, at the peak and afterwards; of the process that had the file, at the peak, and of the
    one that forked it, afterwards (0 if there is none); seconds by the clock, and of the processor in all of them."""

    own_peak: float
    own_after: float
    decoder_peak: float
    decoder_after: float
    seconds: float
    cpu_seconds: float

    def to_json(self) -> dict[str, float]:
        return asdict(self)


class Decoder(NamedTuple):
    """A process that had a film: megabytes at its peak, seconds of the processor, megabytes of what forked it."""

    peak: float
    cpu_seconds: float
    parent: float


class Watch:
    """Watches this process, and the processes that decode for it, from now on. One in a process."""

    def __init__(self) -> None:
        self._asked = 0
        self._notes = -1
        self._unread = b""
        self._measured_from_outside()
        self._start_with_notes()
        self._count_films()

    def used(self, predict: Callable[[], object]) -> Used:
        """What a call took."""
        self._asked = 0
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins again (proc(5))
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
        """By a process that may not be root's (`decode.own_memory`)."""
        setattr(isolated, "close_to_other_processes", lambda: None)  # noqa: B010 - not exported from there

    def _start_with_notes(self) -> None:
        """Have the process that decodes started as `tests.memory.child`, which notes what its own children took."""
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

        # Those that are killed together with their parent are this process's to wait for.
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)

    def _count_films(self) -> None:
        decode = isolated.Decoder.decode

        def counted(*arguments: Any, **options: Any) -> Any:
            self._asked += 1
            return decode(*arguments, **options)

        setattr(isolated.Decoder, "decode", counted)  # noqa: B010 - a method is no variable

    def _decoders(self) -> Iterator[Decoder]:
        """The processes that had a film of this call."""
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
        """The next note; nothing once the process that writes them is gone."""
        while b"\n" not in self._unread:
            more = os.read(self._notes, 4096)
            if not more:
                return b""
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line
