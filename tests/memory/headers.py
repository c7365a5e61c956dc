"""Make files of a few bytes with any header values: sizes, tiles, precincts, layers, tables."""

import io
import struct
import zlib

import numpy as np
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless

from tests.unit.decode.conftest import dataset_of, encoded

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_LONG, _SHORT = 4, 3
_JPEG_FRAME, _JPEG_PROGRESSIVE = b"\xff\xc0", b"\xff\xc2"


def chunk(name: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, colour: int = 0, depth: int = 8, rows: int | None = None, extra: bytes = b"") -> bytes:
    """Return a PNG of zeros with only `rows` of its rows (None: all). `colour`: colour type. `extra`: more chunks."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    row = 1 + (width * _CHANNELS[colour] * depth + 7) // 8
    palette = chunk(b"PLTE", bytes(768)) if colour == 3 else b""
    body = chunk(b"IDAT", _zeros(row * (height if rows is None else rows)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + extra + body + chunk(b"IEND", b"")


def _zeros(count: int) -> bytes:
    """Return `count` zeros, compressed in pieces to save memory."""
    stream, piece = zlib.compressobj(9), bytes(2**20)
    found = [stream.compress(piece) for _ in range(count // len(piece))]
    return b"".join([*found, stream.compress(bytes(count % len(piece))), stream.flush()])


def exif(entries: int, value_bytes: int) -> bytes:
    """Return an EXIF block whose entries all point to the same bytes."""
    start = 8 + 2 + 12 * entries + 4
    tags = b"".join(struct.pack("<HHII", tag, 7, value_bytes, start) for tag in range(entries))
    return b"II*\0" + struct.pack("<IH", 8, entries) + tags + bytes(4 + value_bytes)


def jpeg(width: int, height: int, *, colour: bool = True, progressive: bool = False, segments: bytes = b"") -> bytes:
    """Return a JPEG of 64 x 64 whose header states another size, with `segments` before all other segments."""
    stream = io.BytesIO()
    image = Image.linear_gradient("L").resize((64, 64))
    (image.convert("RGB") if colour else image).save(stream, "JPEG", progressive=progressive)
    data = bytearray(stream.getvalue())
    frame = data.index(_JPEG_PROGRESSIVE if progressive else _JPEG_FRAME)
    data[frame + 5 : frame + 9] = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
    return bytes(data[:2]) + segments + bytes(data[2:])


def jpeg_segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(data)) + data


def tiff(
    width: int,
    height: int,
    *,
    samples: int = 1,
    bits: int = 8,
    float_values: bool = False,
    compression: int = 8,
    tile: tuple[int, int] | None = None,
    rows_per_strip: int | None = None,
    data: bytes | None = None,
) -> bytes:
    """Return a TIFF whose strips, or whose single tile, all point to `data`; by default a few compressed zeros."""
    data = zlib.compress(bytes(64)) if data is None else data
    rows = height if rows_per_strip is None else rows_per_strip
    strips = 1 if tile else max(1, min(65_000, -(-height // max(1, rows))))
    entries: list[tuple[int, int, list[int]]] = [
        (256, _LONG, [width]),
        (257, _LONG, [height]),
        (258, _SHORT, [bits] * samples),
        (259, _SHORT, [compression]),
        (262, _SHORT, [2 if samples > 2 else 1]),
        (277, _SHORT, [samples]),
        (339, _SHORT, [3 if float_values else 1] * samples),
    ]
    if tile:
        entries += [(322, _LONG, [tile[0]]), (323, _LONG, [tile[1]]), (324, _LONG, [8]), (325, _LONG, [len(data)])]
    else:
        entries += [(273, _LONG, [8] * strips), (278, _LONG, [rows]), (279, _LONG, [len(data)] * strips)]
    if samples > 3:
        entries.append((338, _SHORT, [2] * (samples - 3)))
    return _tiff_file(data, sorted(entries))


def _tiff_file(data: bytes, entries: list[tuple[int, int, list[int]]]) -> bytes:
    data += bytes(len(data) % 2)
    directory = 8 + len(data)
    rest = directory + 2 + 12 * len(entries) + 4
    head, tail = b"", b""
    for tag, kind, values in entries:
        packed = struct.pack(f"<{len(values)}{'I' if kind == _LONG else 'H'}", *values)
        if len(packed) > 4:
            head += struct.pack("<HHII", tag, kind, len(values), rest + len(tail))
            tail += packed
        else:
            head += struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", directory) + data + struct.pack("<H", len(entries)) + head + bytes(4) + tail


def webp(width: int, height: int) -> bytes:
    """Return a lossless WebP (RFC 9649) of one colour."""
    size = (width - 1 & 0x3FFF) | (height - 1 & 0x3FFF) << 14
    body = b"\x2f" + struct.pack("<I", size) + bytes.fromhex("0710111188 88fe0700".replace(" ", ""))
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBPVP8L" + struct.pack("<I", len(body)) + body


def bmp(width: int, height: int, bits: int = 8, compression: int = 0) -> bytes:
    """Return a BMP with only a few bytes of its pixels. A negative height means that rows run from top to bottom."""
    palette = bytes(4 * 2**bits) if bits <= 8 else b""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 2835, 2835, 0, 0)
    start = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + 64, 0, 0, start) + head + palette + bytes(64)


def codestream(
    width: int,
    height: int,
    *,
    tile: tuple[int, int] | None = None,
    components: int = 1,
    levels: int = 5,
    layers: int = 1,
    block: tuple[int, int] = (6, 6),
    precinct: tuple[int, int] | None = None,
    bits: int = 8,
) -> bytes:
    """Return a JPEG 2000 codestream (ITU-T T.800, Annex A) of empty packets. Blocks and precincts are powers of two."""
    across, down = tile or (width, height)
    size = struct.pack(">H8IH", 0, width, height, 0, 0, across, down, 0, 0, components)
    size += struct.pack(">BBB", bits - 1, 1, 1) * components
    style = struct.pack(">BBHBBBBBB", precinct is not None, 0, layers, 0, levels, block[0] - 2, block[1] - 2, 0, 1)
    if precinct is not None:
        style += bytes([precinct[1] << 4 | precinct[0]]) * (levels + 1)
    steps = b"\x40" + b"\x48" * (3 * levels + 1)
    part = b"\xff\x93" + bytes(64)
    start = struct.pack(">HHIBB", 10, 0, 12 + len(part), 0, 1)
    segments = b"".join(_segment(marker, body) for marker, body in ((0x51, size), (0x52, style), (0x5C, steps)))
    return b"\xff\x4f" + segments + b"\xff\x90" + start + part + b"\xff\xd9"


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def jpeg_ls(width: int, height: int) -> bytes:
    """Return a JPEG-LS stream (ITU-T T.87) with only a few bytes of data."""
    frame = struct.pack(">BHHBBBB", 8, height & 0xFFFF, width & 0xFFFF, 1, 1, 0x11, 0)
    return b"\xff\xd8" + _segment(0xF7, frame) + _segment(0xDA, bytes([1, 1, 0, 0, 0, 0])) + bytes(64) + b"\xff\xd9"


def dicom(
    frame: bytes,
    syntax: str = JPEG2000Lossless,
    size: tuple[int, int] = (64, 64),
    *,
    hidden: bytes | None = None,
    **elements: object,
) -> bytes:
    """Return a DICOM file of `size` (columns, rows) around a compressed frame.

    `hidden`: a second fragment, to which the Extended Offset Table points.
    """
    dataset = dataset_of(np.zeros((8, 8), dtype=np.uint8), syntax, **elements)
    dataset.Columns, dataset.Rows = size
    dataset.PixelData = encapsulate([frame] if hidden is None else [frame, hidden], has_bot=False)
    if hidden is not None:
        dataset.ExtendedOffsetTable = struct.pack("<Q", 8 + len(frame) + len(frame) % 2)
        dataset.ExtendedOffsetTableLengths = struct.pack("<Q", len(hidden))
    return encoded(dataset)


def deflated_dicom(size: tuple[int, int], bits: int = 16, **elements: object) -> bytes:
    """Return a deflated DICOM file of black pixels."""
    blank = np.zeros((size[1], size[0]), dtype=np.uint16 if bits == 16 else np.uint8)
    return encoded(dataset_of(blank, DeflatedExplicitVRLittleEndian, **elements))
