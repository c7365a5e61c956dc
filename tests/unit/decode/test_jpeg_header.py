"""The header of a JPEG: its size is read, and unsupported streams are refused."""

import io
import struct

import pytest
from PIL import Image

from pneumonia.decode.jpeg_header import EXTENDED, JpegHeader, read_jpeg_header
from pneumonia.errors import UndecodableImage


def frame(marker: int, precision: int = 8, rows: int = 20, columns: int = 30, components: int = 1) -> bytes:
    body = struct.pack(">BHHB", precision, rows, columns, components) + bytes(3 * components)
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


START, SCAN, COMMENT = b"\xff\xd8", b"\xff\xda\0\2", b"\xff\xfe\0\4\xff\xc0"


@pytest.mark.parametrize(("mode", "components"), [("L", 1), ("RGB", 3), ("CMYK", 4)])
@pytest.mark.parametrize(("progressive", "marker"), [(False, 0xC0), (True, 0xC2)])
def test_headers_that_pillow_writes_are_read(mode: str, components: int, progressive: bool, marker: int) -> None:
    stream = io.BytesIO()
    Image.new(mode, (30, 20)).save(stream, "JPEG", progressive=progressive)
    assert read_jpeg_header(stream.getvalue()) == JpegHeader(marker, 8, 20, 30, components)


@pytest.mark.parametrize("marker", [0xC0, EXTENDED, 0xC2, 0xC3, 0xF7])
def test_supported_frames(marker: int) -> None:
    assert read_jpeg_header(START + COMMENT + b"\xff\xff" + frame(marker, 12) + SCAN).marker == marker


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        START,
        START + SCAN + frame(0xC0),
        START + frame(0xC0)[:8],
        START + frame(0xC0) + frame(0xC0, rows=60_000),
        START + b"\xff\xde" + frame(0xC0)[2:],
        START + frame(0xC9),
        b"not a JPEG, but text",
    ],
)
def test_unsupported_streams(stream: bytes) -> None:
    with pytest.raises(UndecodableImage):
        read_jpeg_header(stream)
