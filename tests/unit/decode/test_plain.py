import io
from pathlib import Path

import pytest
from PIL import Image

from pneumonia.decode.formats import sniff
from pneumonia.decode.plain import HERE_BYTES, is_plain
from tests.memory.headers import chunk, exif, jpeg, jpeg_segment, png

ROOT = Path(__file__).parents[3]


def plain(data: bytes) -> bool:
    return is_plain(data, sniff(data))


@pytest.mark.parametrize("path", sorted((ROOT / "samples").glob("*.png")), ids=lambda path: path.name)
def test_the_samples_are_plain(path: Path) -> None:
    assert plain(path.read_bytes())


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_usual_pngs_are_plain(mode: str) -> None:
    stream = io.BytesIO()
    Image.new(mode, (800, 1000)).save(stream, "PNG")
    assert plain(stream.getvalue())


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": exif(40, 1000)}], ids=str)
def test_usual_jpegs_are_plain(mode: str, options: dict[str, object]) -> None:
    stream = io.BytesIO()
    Image.new(mode, (800, 1000)).save(stream, "JPEG", **options)
    assert plain(stream.getvalue())


@pytest.mark.parametrize(
    "data",
    [
        png(7100, 7100, rows=1),
        png(1, 2_000_000, rows=1),
        png(64, 64, depth=16, colour=2),
        png(64, 64, extra=chunk(b"acTL", bytes(8))),
        png(64, 64, extra=chunk(b"IHDR", bytes(13))),
        png(64, 64, extra=chunk(b"eXIf", exif(300, 8))),
        png(64, 64, extra=chunk(b"zTXt", b"Raw profile type exif\0\0")),
        png(64, 64, extra=chunk(b"tEXt", bytes(2**20 + 1))),
        png(64, 64, extra=chunk(b"prVt", b"") * 300),
        jpeg(20_000, 10_000, colour=False),
        jpeg(7000, 7000, progressive=True),
        jpeg(64, 64, segments=jpeg_segment(0xE1, b"Exif\0\0" + exif(300, 8))),
        jpeg(64, 64, segments=jpeg_segment(0xE2, b"MPF\0" + exif(3, 8))),
        jpeg(64, 64, segments=jpeg_segment(0xFE, bytes(60_000)) * 20),
        jpeg(64, 64, segments=jpeg_segment(0xC0, bytes(15))),
        jpeg(64, 64, segments=jpeg_segment(0xFE, b"text") + b"\0"),
        jpeg(64, 64)[:40],
        b"BM" + bytes(60),
    ],
    ids=lambda data: str(len(data)),
)
def test_odd_or_large_files_are_not_plain(data: bytes) -> None:
    assert not plain(data)


def test_a_grey_png_is_counted_three_times() -> None:
    """A grey PNG needs three images of one byte per pixel. Rows take more memory only in a narrow image."""
    side = int((HERE_BYTES / 3) ** 0.5)
    assert plain(png(side - 100, side - 100, rows=1))
    assert not plain(png(side, side, rows=1))
