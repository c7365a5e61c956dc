"""Decode within limits of time and memory that no file can exceed.

Plain JPEG and PNG files are decoded in this process (see `plain`). Their memory use is known in advance. Pillow reads
them piece by piece, so the time limit is checked between pieces (`timed_file`).

All other files go to the decoder process (`child`), which starts when the first of them arrives. The system limits the
memory of the decoder process. This process kills it at the time limit, because many decoders process a whole file in
one call of C, C++ or Rust. No signal, exception or thread of Python can interrupt that call. The decoder process gets
no credentials, and cannot read those of this process (`own_memory`). The output of its libraries is discarded, because
it may quote the file. If a decoder crashes, only the decoder process ends.
"""

import atexit
import contextlib
import functools
import os
import select
import signal
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Any

from pneumonia.decode.dispatch import decode
from pneumonia.decode.formats import sniff
from pneumonia.decode.image import DecodedImage
from pneumonia.decode.limits import Limits
from pneumonia.decode.memory_limit import lacks_memory, out_of_memory
from pneumonia.decode.messages import DIED_OF_MEMORY, READY, Buffer, image_in, of_file, read_message
from pneumonia.decode.own_memory import close_to_other_processes
from pneumonia.decode.plain import is_plain
from pneumonia.decode.timed_file import took_too_long
from pneumonia.errors import UndecodableImage

if TYPE_CHECKING:
    import subprocess

START_SECONDS = 60.0
"""Time to load Python, numpy, Pillow and pydicom in a cold container. This time does not count towards the limit."""

_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "OPENBLAS_NUM_THREADS", "SYSTEMROOT")


def decode_in_time(
    data: bytes, limits: Limits, enough: int | None = None, *, apart: bool = False, own_depth: bool = False
) -> DecodedImage:
    """Decode any format within `limits.decode_seconds` and `limits.max_decoded_bytes` of memory.

    `apart`: use the decoder process even for a plain file. `own_depth`: see `dispatch.decode`; this also uses the
    decoder process. Raises what `dispatch.decode` raises, and TookTooLong.
    """
    if not data or len(data) > limits.max_image_bytes:
        return decode(data, limits, enough)
    kind = sniff(data)
    if apart or own_depth or not is_plain(data, kind):
        return process_decoder().decode(data, limits, enough, own_depth=own_depth)
    try:
        return decode(data, limits, enough)
    except (MemoryError, UndecodableImage) as error:
        if lacks_memory(error):
            raise out_of_memory() from error
        raise


class Decoder:
    """The decoder process, for files that are not plain. It decodes one file at a time; threads wait for their turn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._memory_bytes = 0

    def decode(
        self, data: bytes, limits: Limits, enough: int | None = None, *, own_depth: bool = False
    ) -> DecodedImage:
        """Decode a file. Raises what `dispatch.decode` raises, and RuntimeError if the process cannot be started."""
        with self._lock:
            try:
                reply = self._ask(data, limits, enough, own_depth)
            except BaseException:
                self._stop()  # the state of the process is unknown, so the next file gets a new one
                raise
        return image_in(*reply)

    def close(self) -> None:
        """End the process. The next file would start a new one."""
        with self._lock:
            self._stop()

    def _ask(self, data: bytes, limits: Limits, enough: int | None, own_depth: bool) -> tuple[dict[str, Any], Buffer]:
        process = self._started(limits.max_child_bytes)
        source, target = _pipes(process)
        output = source.fileno()
        try:
            target.writelines(of_file(data, limits, enough, own_depth))
            target.flush()
            _read(output, len(READY), time.monotonic() + START_SECONDS)
        except (BrokenPipeError, EOFError, TimeoutError) as error:
            if process.poll() == DIED_OF_MEMORY:
                raise out_of_memory() from error
            raise RuntimeError("The decoder process did not start.") from error
        end = time.monotonic() + limits.decode_seconds
        try:
            return read_message(lambda size: _read(output, size, end))
        except TimeoutError as error:
            raise took_too_long(limits.decode_seconds) from error
        except EOFError as error:
            if process.wait() == DIED_OF_MEMORY:
                raise out_of_memory() from error
            raise UndecodableImage(
                "The image cannot be decoded: its decoder crashed. Export the image again, as JPEG or PNG."
            ) from error

    def _started(self, memory_bytes: int) -> "subprocess.Popen[bytes]":
        if memory_bytes != self._memory_bytes:
            self._stop()
        if self._process is None:
            # Imported here, because most callers send only plain files. The command is fixed, and no shell runs it.
            import subprocess

            environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
            environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
            self._memory_bytes = memory_bytes
            close_to_other_processes()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pneumonia.decode.child", str(memory_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                process_group=0,  # so that it can be killed together with the process that it forks
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for stream in _pipes(process):
            with contextlib.suppress(BrokenPipeError):  # part of a request may still be waiting to be written
                stream.close()
        process.wait()


@functools.cache
def process_decoder() -> Decoder:
    """Return the decoder of this process. The decoder process ends when this process ends."""
    decoder = Decoder()
    atexit.register(decoder.close)
    return decoder


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes]]:
    """Return the pipe for messages from the process, and the pipe for messages to it."""
    if process.stdout is None or process.stdin is None:
        raise RuntimeError("The decoder process was started without pipes.")
    return process.stdout, process.stdin


def _read(source: int, size: int, end: float) -> bytearray:
    """Read `size` bytes from a pipe. Raises TimeoutError at the time `end`, EOFError if the other side is closed."""
    found = bytearray(size)
    rest = memoryview(found)
    while rest:
        if not select.select([source], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TimeoutError
        count = os.readv(source, [rest])
        if not count:
            raise EOFError
        rest = rest[count:]
    return found
