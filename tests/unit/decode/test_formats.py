import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.errors import MultiFrame, UndecodableImage, UnsupportedFormat

LIMITS = Limits(max_image_bytes=1_000_000, max_image_pixels=100_000)
WAVE = np.interp(np.arange(80), [0, 20, 40, 60, 79], [0, 255, 0, 255, 0]).astype(np.uint8)
IMAGE = Image.fromarray(np.tile(WAVE, (64, 1)))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate", "packbits"])
def test_tiff(mode: str, compression: str | None) -> None:
    bilevel = IMAGE.point(lambda grey: 255 * (grey > 127))
    source = bilevel if mode == "1" else IMAGE
    image = Image.fromarray(np.asarray(IMAGE, np.uint16) * 16 + 100) if mode == "I;16" else source.convert(mode)
    decoded = decode(saved(image, "TIFF", compression=compression), LIMITS)
    assert decoded.format == "TIFF"
    assert np.abs(np.asarray(decoded.pixels, int) - np.asarray(source, int)).max() <= 2


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_16_bit_tiff_of_either_byte_order(order: str) -> None:
    values = np.asarray(IMAGE, np.uint16) * 200 + 999
    stream = io.BytesIO()
    if order == "<u2":
        Image.fromarray(values).save(stream, "TIFF")
    else:
        Image.frombytes("I;16B", IMAGE.size, values.astype(order).tobytes()).save(stream, "TIFF")
    assert np.abs(np.asarray(decode(stream.getvalue(), LIMITS).pixels, int) - np.asarray(IMAGE, int)).max() <= 1


@pytest.mark.parametrize("depth", ["L", "I;16", "F"])
def test_a_tiff_whose_lowest_value_is_white(depth: str) -> None:
    values = np.asarray(IMAGE, np.uint16) * 16 + 100
    image = Image.fromarray(values) if depth == "I;16" else IMAGE.convert(depth)
    data = bytearray(saved(image, "TIFF"))
    tag = data.index(struct.pack("<HHI", 262, 3, 1))
    data[tag + 8 : tag + 10] = bytes(2)
    decoded = decode(bytes(data), LIMITS)
    assert np.abs(255 - np.asarray(decoded.pixels, int) - np.asarray(IMAGE, int)).max() <= 1
    assert decoded.inverted is (depth != "L")


def test_interlaced_png() -> None:
    grey = np.asarray(IMAGE)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b"".join(b"\0" + row.tobytes() for x, y, dx, dy in passes for row in grey[y::dy, x::dx])
    header = struct.pack(">IIBBBBB", *IMAGE.size, 8, 0, 0, 0, 1)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        data += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    assert np.array_equal(np.asarray(decode(data, LIMITS).pixels), grey)


def test_a_tiff_of_several_pages_is_refused_or_its_first_page_read() -> None:
    data = saved(IMAGE, "TIFF", save_all=True, append_images=[IMAGE.rotate(90)])
    with pytest.raises(MultiFrame, match="2 frames or pages"):
        decode(data, LIMITS)
    decoded = decode(data, Limits(1_000_000, 100_000, max_frames=2))
    assert decoded.warnings == ("first_of_several_frames",)
    assert np.array_equal(np.asarray(decoded.pixels), np.asarray(IMAGE))


@pytest.mark.parametrize("lossless", [True, False])
def test_webp(lossless: bool) -> None:
    decoded = decode(saved(IMAGE.convert("RGB"), "WEBP", lossless=lossless, quality=90), LIMITS)
    assert decoded.format == "WebP"
    assert np.abs(np.asarray(decoded.pixels, int) - np.asarray(IMAGE, int)).max() <= 4


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_bmp(mode: str) -> None:
    source = IMAGE.point(lambda grey: 255 * (grey > 127)) if mode == "1" else IMAGE
    decoded = decode(saved(source.convert(mode), "BMP"), LIMITS)
    assert decoded.format == "BMP"
    assert np.array_equal(np.asarray(decoded.pixels), np.asarray(source))


def test_floating_point_with_values_that_are_not_finite() -> None:
    values = np.asarray(IMAGE, np.float32).copy()
    values[0, 0], values[0, 1] = np.nan, np.inf
    decoded = decode(saved(Image.fromarray(values), "TIFF"), LIMITS)
    assert np.array_equal(np.asarray(decoded.pixels)[1:], np.asarray(IMAGE)[1:])


@pytest.mark.parametrize("head", [b"RIFF\0\0\0\0WAVE", b"II,\0", b"PK\x03\x04", b"<svg", b"\0\0\0\x0cjP  "])
def test_similar_formats_are_not_confused(head: bytes) -> None:
    with pytest.raises(UnsupportedFormat):
        decode(head + bytes(200), LIMITS)


@pytest.mark.parametrize("head", [b"BM", b"MM\0*", b"RIFF\0\0\0\0WEBP", b"\x08\x00\x05\x00"])
def test_a_signature_alone_is_a_damaged_file(head: bytes) -> None:
    with pytest.raises(UndecodableImage):
        decode(head + bytes(200), LIMITS)


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC or HEIF image.*most compatible format"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "a HEIC or HEIF image"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "an AVIF image"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "an AVIF image"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a raw camera image"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "a video"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "a video"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
        (b"\xff\x0a\x7f", "a JPEG XL stream"),
        (b"%PDF-1.7", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b\x08", "compressed with gzip"),
    ],
)
def test_other_formats_are_named(head: bytes, named: str) -> None:
    with pytest.raises(UnsupportedFormat, match=f"{named}.*Supported formats are DICOM, JPEG, PNG"):
        decode(head + bytes(200), LIMITS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
def test_the_resolution_that_a_file_states_changes_nothing(kind: str) -> None:
    plain = decode(saved(IMAGE, kind), LIMITS)
    found = decode(saved(IMAGE, kind, dpi=(300, 75)), LIMITS)
    assert np.array_equal(np.asarray(found.pixels), np.asarray(plain.pixels))
    assert found.to_json() == plain.to_json()
