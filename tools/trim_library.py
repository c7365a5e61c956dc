"""Cuts the debug information off shared libraries while the image is built.

    python trim_library.py FILE...

Two decoders of DICOM are published with it: 12.5 of their 16 MB. What is loaded of an ELF file lies in its segments
(gABI, "Program Header"); what follows the last one is for debuggers and linkers, and the loader never looks at it. So
the file is cut there, and its header says that there is no table of sections. `strip` does the same, but the base image
has none.
"""

import struct
import sys
from pathlib import Path

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little endian: x86_64 and arm64
_PROGRAM_HEADERS = 32  # where the header says where they begin (8 bytes); the same of sections is 8 bytes later
_SECTION_HEADERS = 40
_ENTRY_BYTES, _ENTRIES = 54, 56  # of program headers, 2 bytes each
_SECTION_COUNTS = 60  # number of sections, and which one holds their names: 2 bytes each


def trimmed(library: bytes) -> bytes:
    """The library without what follows its last segment. Raises ValueError for another kind of file."""
    if not library.startswith(_MAGIC):
        raise ValueError("no ELF file of 64 bits")
    (start,) = struct.unpack_from("<Q", library, _PROGRAM_HEADERS)
    size, count = struct.unpack_from("<HH", library, _ENTRY_BYTES)
    end = start + size * count
    for place in range(start, end, size):
        (offset,) = struct.unpack_from("<Q", library, place + 8)
        (length,) = struct.unpack_from("<Q", library, place + 32)
        end = max(end, offset + length)
    kept = bytearray(library[:end])
    struct.pack_into("<Q", kept, _SECTION_HEADERS, 0)
    struct.pack_into("<HH", kept, _SECTION_COUNTS, 0, 0)
    return bytes(kept)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).write_bytes(trimmed(Path(name).read_bytes()))
