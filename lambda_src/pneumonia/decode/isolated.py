"""Decoding that ends in time whatever the file is made to do.

JPEG, PNG and BMP are decoded here: Pillow reads them piece by piece and meets the clock in between (`timed_file`). The
decoders of DICOM, TIFF and WebP take a whole file in one call of C, C++ or Rust, which no signal, exception or thread
of Python can end. They run in a process of their own (`child`), started when the first such file comes, which is
killed at the limit. That process gets no credentials, and what its libraries print goes nowhere: they quote the file.
A decoder that crashes takes that process with it, not this one.
"""

import atexit
import contextlib
import functools
import os
import select
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Any

from pneumonia.decode.dispatch import decode
from pneumonia.decode.formats import sniff
from pneumonia.decode.image import DecodedImage
from pneumonia.decode.limits import Limits
from pneumonia.decode.messages import READY, image_in, of_file, read_message
from pneumonia.decode.timed_file import took_too_long
from pneumonia.errors import UndecodableImage

if TYPE_CHECKING:
    import subprocess

INTERRUPTIBLE = frozenset({"JPEG", "PNG", "BMP"})
START_SECONDS = 60.0
"""For Python, numpy, Pillow and pydicom to be loaded, on a cold container; no part of the limit of decoding."""

_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "OPENBLAS_NUM_THREADS", "SYSTEMROOT")


def decode_in_time(data: bytes, limits: Limits, enough: int | None = None) -> DecodedImage:
    """`decode`, ended after `limits.decode_seconds` for every format. Raises what `decode` raises, and TookTooLong."""
    if not data or len(data) > limits.max_image_bytes or sniff(data).name in INTERRUPTIBLE:
        return decode(data, limits, enough)
    return process_decoder().decode(data, limits)


class Decoder:
    """The process that decodes what cannot be interrupted, one file at a time; threads wait for their turn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def decode(self, data: bytes, limits: Limits) -> DecodedImage:
        """Raises what `decode` raises, and RuntimeError where the process cannot be started."""
        with self._lock:
            try:
                reply = self._ask(data, limits)
            except BaseException:
                self._stop()  # whatever state it is in, the next file gets a new one
                raise
        return image_in(*reply)

    def close(self) -> None:
        """End the process; the next file would start it again."""
        with self._lock:
            self._stop()

    def _ask(self, data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
        process = self._started()
        source, target = _pipes(process)
        output = source.fileno()
        try:
            target.writelines(of_file(data, limits))
            target.flush()
            _read(output, len(READY), time.monotonic() + START_SECONDS)
        except (BrokenPipeError, EOFError, TimeoutError) as error:
            raise RuntimeError("The process that decodes did not start.") from error
        end = time.monotonic() + limits.decode_seconds
        try:
            return read_message(lambda size: _read(output, size, end))
        except TimeoutError as error:
            raise took_too_long(limits.decode_seconds) from error
        except EOFError as error:
            raise UndecodableImage("The image cannot be decoded: its decoder broke down over it.") from error

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            # Imported here: most callers never send such a film. The command is fixed, and no shell reads it.
            import subprocess

            environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
            environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pneumonia.decode.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in _pipes(process):
            with contextlib.suppress(BrokenPipeError):  # part of a request may still be waiting to be written
                stream.close()
        process.wait()


@functools.cache
def process_decoder() -> Decoder:
    """The decoder of this process; it ends with it."""
    decoder = Decoder()
    atexit.register(decoder.close)
    return decoder


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes]]:
    """Where its messages come from, and where those to it go."""
    if process.stdout is None or process.stdin is None:
        raise RuntimeError("The process that decodes was started without pipes.")
    return process.stdout, process.stdin


def _read(source: int, size: int, end: float) -> bytes:
    """So many bytes of a pipe. Raises TimeoutError at the time `end`, EOFError if the other side is gone."""
    found = bytearray()
    while len(found) < size:
        if not select.select([source], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TimeoutError
        piece = os.read(source, min(size - len(found), 2**20))
        if not piece:
            raise EOFError
        found += piece
    return bytes(found)
