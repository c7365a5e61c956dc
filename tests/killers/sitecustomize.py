"""Make decoders crash or hang on files that contain certain texts.

Python loads this module when it starts, if this folder is on its module path. The decoder process inherits the path
from the process that starts it.
"""

import os
import signal
import time

from pneumonia.decode import dispatch
from pneumonia.decode.image import DecodedImage
from pneumonia.decode.limits import Limits

GREEDY, KILLED, ENDLESS = b"takes all memory", b"is killed", b"never ends"
"""Texts in a file. The first makes the decoder allocate all memory, the second kills it, the third makes it hang."""
MOST_BYTES, PIECE = 2**31, 2**24

_decode = dispatch.decode


def decode(data: bytes, limits: Limits, enough: int | None = None, *, own_depth: bool = False) -> DecodedImage:
    """Crash or hang if the file contains one of the texts; otherwise decode it. Replaces `dispatch.decode`."""
    if GREEDY in data:
        held = [bytes(PIECE) for _ in range(MOST_BYTES // PIECE)]
        os._exit(len(held))  # never reached under a limit
    if KILLED in data:
        os.kill(os.getpid(), signal.SIGKILL)
    while ENDLESS in data:
        time.sleep(60)
    return _decode(data, limits, enough, own_depth=own_depth)


dispatch.decode = decode
