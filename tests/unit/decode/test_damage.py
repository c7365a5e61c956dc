import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pneumonia.decode.damage import why_undecodable
from pneumonia.decode.dispatch import decode
from pneumonia.decode.formats import sniff
from pneumonia.decode.limits import Limits
from pneumonia.errors import UndecodableImage, UnsupportedFormat

LIMITS = Limits(10_000_000, 1_000_000)
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60), np.uint8))
TRUNCATED, DAMAGED = "is truncated: it ends before the image is complete", "is damaged: its content"


def saved(kind: str, image: Image.Image = NOISE, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def reason(data: bytes) -> str:
    with pytest.raises(UndecodableImage) as refused:
        decode(data, LIMITS)
    return refused.value.detail


def with_preview(image: Image.Image) -> bytes:
    """Return a JPEG with a complete JPEG in its EXIF block, as cameras write it."""
    exif = b"Exif\0\0" + saved("JPEG", image.resize((16, 16)))
    data = saved("JPEG", image)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


FILES = {
    "JPEG": saved("JPEG"),
    "progressive": saved("JPEG", progressive=True),
    "with a preview": with_preview(NOISE),
    "PNG": saved("PNG"),
    "interlaced or not": saved("PNG", NOISE.convert("RGB")),
    "WebP": saved("WebP", NOISE.convert("RGB")),
    "BMP": saved("BMP"),
    "TIFF": saved("TIFF"),
    "TIFF in strips": saved("TIFF", NOISE.resize((300, 300)), compression="tiff_lzw"),
}


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_reported_as_truncated(name: str, share: float) -> None:
    data = FILES[name]
    found = reason(data[: int(len(data) * share)])
    assert TRUNCATED in found
    assert found.endswith("Send the whole file again.")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_whose_directory_was_cut_off_is_reported_as_truncated(order: str, big: bool) -> None:
    mark = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}H", 43 if big else 42)
    head = mark + (struct.pack(f"{order}HHQ", 8, 0, 5000) if big else struct.pack(f"{order}I", 5000))
    assert TRUNCATED in reason(head + bytes(200))


def test_a_damaged_file_is_not_called_truncated() -> None:
    png = bytearray(FILES["PNG"])
    png[60:80] = bytes(20)  # pixels, whose checksum is then wrong
    assert DAMAGED in reason(bytes(png))
    length = bytearray(FILES["PNG"])
    length[33] ^= 0x40  # the length of the first piece of pixels
    assert DAMAGED in why_undecodable(bytes(length), sniff(bytes(length)))
    # Without its quantisation tables.
    assert DAMAGED in reason(FILES["JPEG"].replace(b"\xff\xdb", b"\xff\xfe"))
    webp = bytearray(FILES["WebP"])
    webp[24:400] = bytes(376)
    assert DAMAGED in reason(bytes(webp))


@pytest.mark.parametrize("marker", [0xC5, 0xCD])
def test_a_jpeg_of_another_kind_is_named(marker: int) -> None:
    data = FILES["JPEG"].replace(b"\xff\xc0", bytes([0xFF, marker]), 1)
    assert "The JPEG file is a hierarchical JPEG, which is not supported" in reason(data)


def test_a_jpeg_of_12_bits_is_named() -> None:
    place = FILES["JPEG"].index(b"\xff\xc0")
    data = bytearray(FILES["JPEG"])
    data[place + 1], data[place + 4] = 0xC1, 12
    assert "a JPEG with 12 bits per sample, which is not supported" in reason(bytes(data))


def test_a_tiff_of_another_compression_is_named() -> None:
    entry = struct.pack("<HHII", 259, 3, 1, 1)
    data = FILES["TIFF"].replace(entry, struct.pack("<HHII", 259, 3, 1, 34712), 1)
    assert "a TIFF with compression 34712, which is not supported" in reason(data)


def test_a_png_whose_line_breaks_were_changed_is_reported() -> None:
    for changed in (FILES["PNG"].replace(b"\r\n", b"\n"), FILES["PNG"].replace(b"\r", b"").replace(b"\n", b"")):
        with pytest.raises(UnsupportedFormat, match="a PNG whose line breaks were changed in transfer"):
            decode(changed, LIMITS)


@pytest.mark.parametrize("data", [b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"BM", b"RIFF\0\0\0\0WEBP"])
@pytest.mark.parametrize("more", [b"", b"\0" * 7, b"\xff" * 200])
def test_there_is_a_reason_for_every_beginning(data: bytes, more: bytes) -> None:
    found = why_undecodable(data + more, sniff(data + more))
    assert TRUNCATED in found or DAMAGED in found or "which is not supported" in found
