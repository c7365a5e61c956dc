"""Write 12-bit JPEG files, which no installed library can write.

Only flat blocks are supported, because they need only a small part of the standard (ITU-T T.81).
"""

import struct

import numpy as np
from numpy.typing import NDArray

_BLOCK = 8
_LENGTH_OF_DC_CODES = 5


def jpeg12(values: NDArray[np.uint16]) -> bytes:
    """Return a grey JPEG stream with one scan. ``values``: 0..4095 [rows, columns], equal within blocks of 8 x 8."""
    rows, columns = values.shape
    blocks = values[::_BLOCK, ::_BLOCK].astype(int)
    assert np.array_equal(np.repeat(np.repeat(blocks, _BLOCK, 0), _BLOCK, 1), values)
    # With a quantiser of eight, the first coefficient of a flat block is its level minus the middle level, 2048.
    steps = np.diff(blocks.ravel() - 2048, prepend=0)
    bits = "".join(_difference(int(step)) + "0" for step in steps)  # "0" ends the block
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return b"".join(
        [
            b"\xff\xd8",
            _segment(0xDB, b"\0" + bytes([8] * 64)),
            _segment(0xC1, struct.pack(">BHHB", 12, rows, columns, 1) + b"\x01\x11\0"),
            _segment(0xC4, _table(0x00, {_LENGTH_OF_DC_CODES: bytes(range(16))})),
            _segment(0xC4, _table(0x10, {1: b"\0"})),
            _segment(0xDA, b"\x01\x01\0\0\x3f\0"),
            scan,
            b"\xff\xd9",
        ]
    )


def _difference(step: int) -> str:
    size = abs(step).bit_length()
    extra = step if step > 0 else step + 2**size - 1
    return f"{size:0{_LENGTH_OF_DC_CODES}b}" + (f"{extra:0{size}b}" if size else "")


def _table(number: int, codes: dict[int, bytes]) -> bytes:
    counts = bytes(len(codes.get(length, b"")) for length in range(1, 17))
    return bytes([number]) + counts + b"".join(codes.values())


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
