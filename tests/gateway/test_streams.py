import io
import struct

import numpy as np
import pytest
from PIL import Image

from pneumonia_cli.gateway.streams import UnknownStream, without_comments


def picture(kind: str, mode: str = "RGB", **options: object) -> bytes:
    rng = np.random.default_rng(1)
    shape = (40, 50, 3) if mode == "RGB" else (40, 50)
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8)).save(stream, kind, **options)
    return stream.getvalue()


def pixels(stream: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(stream)))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_keeps_its_picture(mode: str, progressive: bool) -> None:
    stream = picture("JPEG", mode, comment=b"ZZCOMMENT", progressive=progressive)
    clean = without_comments(stream)
    assert b"ZZCOMMENT" in stream
    assert b"ZZCOMMENT" not in clean
    assert np.array_equal(pixels(stream), pixels(clean))


def test_the_colour_transform_of_adobe_stays() -> None:
    stream = picture("JPEG", keep_rgb=True)
    adobe = b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 0)
    marked = stream[:2] + b"\xff\xee" + struct.pack(">H", 2 + len(adobe) + 9) + adobe + b"ZZBEHIND!" + stream[2:]
    clean = without_comments(marked)
    assert adobe in clean
    assert b"ZZBEHIND" not in clean
    assert np.array_equal(pixels(marked), pixels(clean))


def test_a_jpeg_2000_keeps_its_picture() -> None:
    stream = picture("JPEG2000", no_jp2=True, comment=b"ZZCOMMENT")
    clean = without_comments(stream)
    assert b"ZZCOMMENT" in stream
    assert b"ZZCOMMENT" not in clean
    assert np.array_equal(pixels(stream), pixels(clean))


@pytest.mark.parametrize("stream", [b"", b"ZZ no picture", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00", b"\xff\xd8ZZZZZZ"])
def test_unknown_streams_are_not_sent(stream: bytes) -> None:
    with pytest.raises(UnknownStream):
        without_comments(stream)
