"""Remove comments and application data, written by cameras and archives, from compressed pixels."""

import struct
from collections.abc import Callable
from typing import Final

_JPEG_START: Final = b"\xff\xd8"
_J2K_START: Final = b"\xff\x4f\xff\x51"
_END: Final = b"\xff\xd9"
"""The marker at the end of a JPEG image or a JPEG 2000 code stream."""
_START_OF_SCAN: Final = 0xDA
_START_OF_TILE: Final = 0x90
_COMMENT_OF_J2K: Final = 0x64
_ADOBE: Final = 0xEE
_KEPT_BYTES_OF_ADOBE: Final = 12
"""The bytes that decoders need: "Adobe", a version, flags, and the colour transform."""


class UnknownStream(Exception):
    """The compressed pixels do not begin as their transfer syntax requires, so their content is unknown."""


def without_comments(stream: bytes) -> bytes:
    """Return a JPEG, JPEG-LS or JPEG 2000 code stream without comments and application segments.

    The Adobe segment is shortened but kept. Only complete segments before the first scan or tile are removed, so the
    pixels do not change. Raises UnknownStream.
    """
    if stream.startswith(_J2K_START):
        return _filtered(stream, _START_OF_TILE, lambda marker: marker == _COMMENT_OF_J2K)
    if stream.startswith(_JPEG_START):
        return _filtered(stream, _START_OF_SCAN, lambda marker: marker == 0xFE or 0xE0 <= marker <= 0xEF)
    raise UnknownStream("The compressed pixels are not a JPEG or JPEG 2000 stream.")


def _filtered(stream: bytes, last: int, unwanted: Callable[[int], bool]) -> bytes:
    kept, place = [stream[:2]], 2
    while True:
        if stream[place : place + 1] != b"\xff" or place + 4 > len(stream):
            raise UnknownStream("The compressed pixels are damaged before their first scan.")
        marker = stream[place + 1]
        if marker == 0xFF:  # a fill byte (ITU-T T.81, B.1.1.2)
            place += 1
            continue
        (length,) = struct.unpack_from(">H", stream, place + 2)
        if marker == last:
            end = stream.rfind(_END) + len(_END)  # bytes after the marker are not part of the image
            return b"".join([*kept, stream[place : end if end > place else None]])
        segment = stream[place : place + 2 + length]
        if marker == _ADOBE and segment[4:9] == b"Adobe" and len(segment) >= 4 + _KEPT_BYTES_OF_ADOBE:
            short = segment[4 : 4 + _KEPT_BYTES_OF_ADOBE]
            kept.append(b"\xff\xee" + struct.pack(">H", 2 + len(short)) + short)
        elif not unwanted(marker):
            kept.append(segment)
        place += 2 + length
