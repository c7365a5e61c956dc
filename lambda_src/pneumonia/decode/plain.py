"""Detect plain JPEG and PNG files: those whose memory use is known before they are opened.

Plain files are decoded in the function's process, where a decompression bomb would affect everything else. A plain file
must therefore contain no structure that makes Pillow or libjpeg allocate much memory. The images that `raster` creates
from it must fit into HERE_BYTES. All other files go to the decoder process.
"""

import struct

from pneumonia.decode.formats import Format

HERE_BYTES = 150_000_000
"""Memory for one image in the function's process: 45 million pixels in grey, or 16 million in colour."""

ROW_BYTES = 24
"""Memory that Pillow needs for each row: a pointer and a block entry. In a narrow image this exceeds the memory of the
pixels."""

EXTRAS_BYTES, EXTRAS = 2**20, 200
"""Maximum bytes and segments besides the pixels: text, colour profile, EXIF. Cameras and scanners write fewer."""
EXIF_BYTES, EXIF_ENTRIES = 2**16, 256
"""Limits on EXIF: Pillow copies the value of every entry, and all entries may point to the same bytes."""

_PNG_BYTES = {(0, 1): 3, (0, 2): 3, (0, 4): 3, (0, 8): 3, (3, 1): 3, (3, 2): 3, (3, 4): 3, (3, 8): 3, (2, 8): 9,
              (4, 8): 21, (6, 8): 21, (0, 16): 28}  # fmt: skip
"""Upper bounds of the bytes per pixel, by colour type and depth. They count all images that exist at the same time: as
read, turned upright, and as grey, and for an alpha channel three images of four bytes. 16-bit colour is not plain."""
_PNG_IMAGES = 6
_TRANSPARENCY_BYTES = 18
"""Bytes per pixel that transparency without an alpha channel (tRNS) adds: three images of four bytes (12), and a margin
of 6. A grey image with tRNS then counts as much as one with an alpha channel."""
_PNG_ANIMATED = frozenset({b"acTL", b"fcTL", b"fdAT"})

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xDE, 0xDF})
_PROGRESSIVE = 0xC2
_GREY_JPEG_BYTES, _COLOUR_JPEG_BYTES = 3, 9
_COEFFICIENT_BYTES = 2


def is_plain(data: bytes, kind: Format) -> bool:
    """Return whether a file may be decoded in this process. This never raises, not even for a damaged file."""
    if kind.plugin not in ("JPEG", "PNG"):
        return False
    try:
        needed = _jpeg_bytes(data) if kind.plugin == "JPEG" else _png_bytes(data)
    except (struct.error, IndexError, ZeroDivisionError):
        return False
    return needed is not None and needed <= HERE_BYTES


def _png_bytes(data: bytes) -> int | None:
    """Return the memory that a PNG takes, or None if it is not plain."""
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if data[12:16] != b"IHDR" or (colour, depth) not in _PNG_BYTES:
        return None
    per_pixel = _PNG_BYTES[colour, depth]
    position, extras, extra_bytes = 33, 0, 0
    end = len(data)
    while position + 8 <= end:
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"IEND":
            break
        if name != b"IDAT":
            extras, extra_bytes = extras + 1, extra_bytes + length
            if name == b"IHDR" or name in _PNG_ANIMATED or extras > EXTRAS or extra_bytes > EXTRAS_BYTES:
                return None
            if name == b"tRNS":
                per_pixel += _TRANSPARENCY_BYTES
            elif name == b"eXIf" and not _is_small_exif(data[position + 8 : position + 8 + length]):
                return None
            if data.startswith(b"Raw profile", position + 8):  # EXIF as compressed text
                return None
        position += 12 + length
    return int(width * height * per_pixel + height * ROW_BYTES * _PNG_IMAGES)


def _jpeg_bytes(data: bytes) -> int | None:
    """Return the memory that a JPEG takes, or None if it is not plain."""
    frame: tuple[int, int] | None = None
    position, extras, extra_bytes = 2, 0, 0
    while True:
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        length = struct.unpack_from(">H", data, position + 2)[0]
        if marker == _SOS:
            break
        if marker in _FRAMES:
            if frame is not None:
                return None
            frame = marker, position
        elif marker in _OTHER_FRAMES or marker < 0xC0 or _SOI <= marker <= _EOI:
            return None
        elif marker >= 0xE0:
            extras, extra_bytes = extras + 1, extra_bytes + length
            content = data[position + 4 : position + 2 + length]
            if extras > EXTRAS or extra_bytes > EXTRAS_BYTES or content.startswith(b"MPF\0"):
                return None
            if content.startswith(b"Exif\0") and not _is_small_exif(content[6:]):
                return None
        position += 2 + length
    return None if frame is None else _frame_bytes(data, *frame, scans=data[position + 4])


def _frame_bytes(data: bytes, marker: int, position: int, scans: int) -> int | None:
    """Return the memory for the image with the frame header at `position`. `scans`: how many of the image's components
    are in the first scan."""
    height, width, components = struct.unpack_from(">HHB", data, position + 5)
    factors = [divmod(data[position + 11 + 3 * place], 16) for place in range(components)]
    needed = width * height * (_GREY_JPEG_BYTES if components in (1, 3) else _COLOUR_JPEG_BYTES)
    needed += height * ROW_BYTES * 3
    if marker == _PROGRESSIVE or scans < components:
        # libjpeg collects all scans of the image before it returns the first row.
        across, down = max(h for h, _ in factors), max(v for _, v in factors)
        blocks = (-(-width // (8 * across)), -(-height // (8 * down)))
        needed += sum(64 * _COEFFICIENT_BYTES * h * v * blocks[0] * blocks[1] for h, v in factors)
    return int(needed)


def _is_small_exif(block: bytes) -> bool:
    """Return whether an EXIF block and its first directory (TIFF 6.0, section 2) are within the limits for EXIF."""
    if len(block) > EXIF_BYTES:
        return False
    order = ">" if block.startswith(b"MM") else "<"
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    if start + 2 > len(block):
        return True  # the block has no readable directory
    return int(struct.unpack_from(f"{order}H", block, start)[0]) <= EXIF_ENTRIES
