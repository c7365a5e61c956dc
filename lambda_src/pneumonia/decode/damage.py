"""Find out why an image could not be decoded: the file is truncated, of an unsupported kind, or damaged.

This runs only after decoding has failed, and looks only at the structure of the file.
"""

import struct
from collections.abc import Iterator

from pneumonia.decode.formats import Format

_HIERARCHICAL = frozenset({*range(0xC5, 0xC8), *range(0xCD, 0xD0)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN = 0xDA

# Bytes of one TIFF value, by type.
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TIFF_LETTERS = {3: "H", 4: "I", 16: "Q"}
_COMPRESSION, _WHERE, _HOW_LONG = 259, (273, 324), (279, 325)


class _Cut(Exception):
    """The file is shorter than its structure says."""


class _NotRead(Exception):
    """The file is of a kind that is not supported. The text of the exception names the kind."""


def why_undecodable(data: bytes, kind: Format) -> str:
    """Return a sentence that says what is wrong with the file, and one that tells the sender what to do."""
    try:
        _LOOK[kind.name](data)
    except _Cut:
        return f"The {kind.name} file is truncated: it ends before the image is complete. Send the whole file again."
    except _NotRead as found:
        return f"The {kind.name} file is {found}, which is not supported. Export it as PNG or as a baseline JPEG."
    except (struct.error, IndexError):
        pass
    return f"The {kind.name} file is damaged: its content cannot be decoded. Export the image again."


def _look_at_jpeg(data: bytes) -> None:
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            return
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == _START_OF_SCAN:
            if data.find(b"\xff\xd9", position) < 0:
                raise _Cut
            return
        if marker in _HIERARCHICAL:
            raise _NotRead("a hierarchical JPEG")
        if marker in _FRAMES and data[position + 4] != 8:
            raise _NotRead(f"a JPEG with {data[position + 4]} bits per sample")
        position += 2 + length
    raise _Cut


def _look_at_png(data: bytes) -> None:
    position = 8
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"IEND" or not name.isalpha():
            return
        position += 12 + length
    if b"IEND" not in data[-12:]:  # otherwise the file is complete, and a length in it is damaged
        raise _Cut


def _look_at_webp(data: bytes) -> None:
    if 8 + struct.unpack_from("<I", data, 4)[0] > len(data):
        raise _Cut


def _look_at_bmp(data: bytes) -> None:
    if struct.unpack_from("<I", data, 2)[0] > len(data):
        raise _Cut


def _look_at_tiff(data: bytes) -> None:
    # Imported here at no cost, because decoding has already loaded this module.
    from PIL.TiffImagePlugin import COMPRESSION_INFO

    tags = dict(_tiff_tags(data))
    compression = (tags.get(_COMPRESSION) or (1,))[0]
    if compression not in COMPRESSION_INFO:
        raise _NotRead(f"a TIFF with compression {compression}")
    for where, how_long in zip(_WHERE, _HOW_LONG, strict=True):
        ends = (start + length for start, length in zip(tags.get(where, ()), tags.get(how_long, ()), strict=False))
        if max(ends, default=0) > len(data):
            raise _Cut


def _tiff_tags(data: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the integer tags of the first page with their values. Raises _Cut."""
    order = "<" if data.startswith(b"II") else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    word, count_letter, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
    start = struct.unpack_from(order + word, data, 8 if big else 4)[0]
    if start + struct.calcsize(count_letter) > len(data):
        raise _Cut
    count = struct.unpack_from(order + count_letter, data, start)[0]
    start += struct.calcsize(count_letter)
    if start + count * entry > len(data):
        raise _Cut
    for place in range(start, start + count * entry, entry):
        tag, kind, number = struct.unpack_from(f"{order}HH{word}", data, place)
        place += 4 + struct.calcsize(word)
        size = number * _TIFF_SIZES.get(kind, 1)
        if size > struct.calcsize(word):
            place = struct.unpack_from(order + word, data, place)[0]
            if place + size > len(data):
                raise _Cut
        if kind in _TIFF_LETTERS:
            yield tag, struct.unpack_from(f"{order}{number}{_TIFF_LETTERS[kind]}", data, place)


_LOOK = {
    "JPEG": _look_at_jpeg,
    "PNG": _look_at_png,
    "TIFF": _look_at_tiff,
    "WebP": _look_at_webp,
    "BMP": _look_at_bmp,
}
