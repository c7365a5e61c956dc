import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.errors import MissingImage, TooLarge, UndecodableImage, UnsupportedFormat
from tests.conftest import ImageBytes

LIMITS = Limits(max_image_bytes=1_000_000, max_image_pixels=100_000)


def png_header(width: int, height: int) -> bytes:
    """Return a PNG with a size in its header and almost no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def test_grey_png_is_unchanged(image_bytes: ImageBytes, gradient: Image.Image) -> None:
    decoded = decode(image_bytes(image=gradient), LIMITS)
    assert (decoded.format, decoded.width, decoded.height, decoded.pixels.mode) == ("PNG", 64, 48, "L")
    assert np.array_equal(np.asarray(decoded.pixels), np.asarray(gradient))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_modes_become_grey(image_bytes: ImageBytes, gradient: Image.Image, mode: str) -> None:
    decoded = decode(image_bytes(image=gradient.convert(mode), kind="JPEG", quality=95), LIMITS)
    assert (decoded.format, decoded.pixels.mode) == ("JPEG", "L")
    assert np.abs(np.asarray(decoded.pixels, int) - np.asarray(gradient, int)).max() <= 6


def test_progressive_jpeg(image_bytes: ImageBytes, gradient: Image.Image) -> None:
    decoded = decode(image_bytes(image=gradient, kind="JPEG", quality=95, progressive=True), LIMITS)
    assert np.abs(np.asarray(decoded.pixels, int) - np.asarray(gradient, int)).max() <= 6


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "LA"])
def test_png_modes_become_grey(image_bytes: ImageBytes, mode: str) -> None:
    half = Image.new("L", (40, 20), 0)
    half.paste(255, (20, 0, 40, 20))
    decoded = decode(image_bytes(image=half.convert(mode)), LIMITS)
    assert decoded.pixels.mode == "L"
    assert np.array_equal(np.asarray(decoded.pixels), np.asarray(half))


def test_transparent_parts_are_black(image_bytes: ImageBytes) -> None:
    image = Image.new("LA", (10, 10), (255, 0))
    image.paste((255, 255), (0, 0, 5, 10))
    pixels = np.asarray(decode(image_bytes(image=image), LIMITS).pixels)
    assert (pixels[:, :5] == 255).all()
    assert (pixels[:, 5:] == 0).all()


def test_16_bit_is_scaled_by_its_real_range(image_bytes: ImageBytes) -> None:
    # 12 bits with an offset, as from a detector: 1000 is the darkest and 4000 the brightest value.
    values = np.array([[1000, 2500, 4000]], np.uint16).repeat(4, axis=0)
    pixels = np.asarray(decode(image_bytes(image=Image.fromarray(values)), LIMITS).pixels)
    assert pixels[0].tolist() == [0, 128, 255]


def test_16_bit_of_one_value_is_black(image_bytes: ImageBytes) -> None:
    image = Image.fromarray(np.full((4, 4), 30_000, np.uint16))
    assert np.asarray(decode(image_bytes(image=image), LIMITS).pixels).max() == 0


def test_exif_orientation_is_applied(image_bytes: ImageBytes, gradient: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the image must be rotated by 90 degrees clockwise to be upright
    decoded = decode(image_bytes(image=gradient, kind="JPEG", exif=exif), LIMITS)
    assert (decoded.width, decoded.height) == (48, 64)
    pixels = np.asarray(decoded.pixels, int)
    assert pixels[:8].mean() + 100 < pixels[-8:].mean()


def test_damaged_exif_is_ignored(image_bytes: ImageBytes, gradient: Image.Image) -> None:
    data = image_bytes(image=gradient, kind="JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\0\1")
    assert decode(data, LIMITS).width == 64


def test_empty() -> None:
    with pytest.raises(MissingImage, match="0 bytes"):
        decode(b"", LIMITS)


@pytest.mark.parametrize("data", [b"hello", b"GIF89a" + bytes(50), b"%PDF-1.7", b"\x89PNG"])
def test_other_content_is_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedFormat, match="DICOM, JPEG, PNG"):
        decode(data, LIMITS)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated(image_bytes: ImageBytes, kind: str, share: float) -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (60, 60), np.uint8))
    data = image_bytes(image=noise, kind=kind)
    with pytest.raises(UndecodableImage, match="is truncated: it ends before the image is complete"):
        decode(data[: int(len(data) * share)], LIMITS)


def test_magic_number_alone() -> None:
    with pytest.raises(UndecodableImage):
        decode(b"\xff\xd8\xff" + bytes(100), LIMITS)
    with pytest.raises(UndecodableImage):
        decode(b"\x89PNG\r\n\x1a\n", LIMITS)


def test_bytes_limit_is_inclusive(image_bytes: ImageBytes) -> None:
    data = image_bytes()
    assert decode(data, Limits(len(data), 100_000)).width == 96
    with pytest.raises(TooLarge, match=f"{len(data)} bytes, but the limit is {len(data) - 1}"):
        decode(data, Limits(len(data) - 1, 100_000))


def test_pixel_limit_is_inclusive(image_bytes: ImageBytes) -> None:
    data = image_bytes(size=(40, 30))
    assert decode(data, Limits(10_000, 1200)).height == 30
    with pytest.raises(TooLarge, match="40 x 30 pixels"):
        decode(data, Limits(10_000, 1199))


@pytest.mark.parametrize(("width", "height"), [(10_000, 9_000), (50_000, 50_000)])
def test_decompression_bombs_are_refused_by_their_header(width: int, height: int) -> None:
    # The first size exceeds Pillow's limit for a warning, the second its limit for an error.
    with pytest.raises(TooLarge):
        decode(png_header(width, height), Limits(1_000_000, 50_000_000))


def test_png_with_a_text_bomb_is_refused(image_bytes: ImageBytes) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "x" * 5_000_000, zip=True)
    with pytest.raises(UndecodableImage):
        decode(image_bytes(pnginfo=info), LIMITS)


def test_messages_do_not_quote_the_content() -> None:
    with pytest.raises(UnsupportedFormat) as refused:
        decode(b"PATIENT^JANE", LIMITS)
    assert "JANE" not in refused.value.detail


@pytest.mark.parametrize("subsampling", [0, 2])
def test_colour_jpeg_read_as_grey_is_its_luma(image_bytes: ImageBytes, subsampling: int) -> None:
    grain = np.random.default_rng(1).normal(0, 6, (150, 201))
    grey = np.linspace(20, 230, 201)[np.newaxis] + grain
    tinted = np.stack([grey, grey + 6, grey - 6], axis=2).clip(0, 255).astype(np.uint8)
    data = image_bytes(image=Image.fromarray(tinted), kind="JPEG", quality=90, subsampling=subsampling)
    with Image.open(io.BytesIO(data)) as image:
        by_colour = np.asarray(image.convert("L"), int)
    decoded = decode(data, LIMITS)
    assert decoded.pixels.size == (201, 150)
    assert np.abs(np.asarray(decoded.pixels, int) - by_colour).max() <= 1  # the conversion through RGB rounds


@pytest.mark.parametrize(
    ("size", "enough", "pixels"),
    [
        ((800, 640), 160, (200, 160)),  # exactly a quarter
        ((800, 638), 160, (400, 319)),
        ((801, 641), 320, (401, 321)),
        ((800, 640), 321, (800, 640)),
        ((800, 640), 900, (800, 640)),
        ((800, 640), None, (800, 640)),
    ],
)
def test_a_large_jpeg_is_decoded_at_reduced_size(
    image_bytes: ImageBytes, size: tuple[int, int], enough: int | None, pixels: tuple[int, int]
) -> None:
    data = image_bytes(image=Image.linear_gradient("L").resize(size), kind="JPEG")
    decoded = decode(data, Limits(1_000_000, 1_000_000), enough)
    assert decoded.pixels.size == pixels
    assert (decoded.width, decoded.height) == size  # the size in the file


def test_a_reduced_image_is_turned_upright_with_its_width_and_height(image_bytes: ImageBytes) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = image_bytes(image=Image.linear_gradient("L").resize((800, 640)), kind="JPEG", exif=exif)
    decoded = decode(data, Limits(1_000_000, 1_000_000), 160)
    assert decoded.pixels.size == (160, 200)
    assert (decoded.width, decoded.height) == (640, 800)


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_colour_is_reduced_too(image_bytes: ImageBytes, mode: str) -> None:
    image = Image.linear_gradient("L").resize((800, 640)).convert("RGB").convert(mode)
    decoded = decode(image_bytes(image=image, kind="JPEG"), Limits(1_000_000, 1_000_000), 160)
    assert (decoded.pixels.mode, decoded.pixels.size) == ("L", (200, 160))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_other_formats_keep_their_size(image_bytes: ImageBytes, kind: str) -> None:
    image = Image.linear_gradient("L").resize((400, 320))
    assert decode(image_bytes(image=image, kind=kind), Limits(1_000_000, 1_000_000), 100).pixels.size == (400, 320)


def test_the_main_image_is_read_from_a_file_with_a_preview_or_gain_map(gradient: Image.Image) -> None:
    stream = io.BytesIO()
    gradient.save(stream, "MPO", save_all=True, append_images=[gradient.resize((20, 10)).rotate(180)], quality=95)
    decoded = decode(stream.getvalue(), LIMITS)
    assert (decoded.format, decoded.width, decoded.warnings) == ("JPEG", 64, ())
    assert np.abs(np.asarray(decoded.pixels, int) - np.asarray(gradient, int)).max() <= 6


def test_an_alpha_channel_of_zeros_is_ignored(gradient: Image.Image) -> None:
    stream = io.BytesIO()
    gradient.convert("RGBA").save(stream, "BMP")
    data = bytearray(stream.getvalue())
    # A header of version 4 with masks for all four channels, before pixels whose last byte is 0.
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    pixels = np.frombuffer(bytes(data[54:]), np.uint8).reshape(-1, 4).copy()
    pixels[:, 3] = 0
    header = struct.pack("<IiiHHIIiiII", 108, 64, 48, 1, 32, 3, pixels.size, 0, 0, 0, 0) + masks + bytes(52)
    start = struct.pack("<2sIHHI", b"BM", 122 + pixels.size, 0, 0, 122)
    decoded = decode(start + header + pixels.tobytes(), LIMITS)
    assert np.array_equal(np.asarray(decoded.pixels), np.asarray(gradient))
