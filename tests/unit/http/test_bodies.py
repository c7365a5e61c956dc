import base64
import gzip
import tracemalloc
import zlib
from typing import Any

import pytest

from pneumonia.errors import MalformedRequest, MissingImage, PneumoniaError, TooLarge, UnsupportedFormat
from pneumonia.http.bodies import content_of, json_of

DATA = b"\x89PNG\r\n\x1a\nrest of the file\xff"


def read(data: bytes | str, encoding: str = "gzip", max_bytes: int = 1000) -> Any:
    body = base64.b64encode(data).decode() if isinstance(data, bytes) else data
    return content_of(
        body, is_base64=isinstance(data, bytes), content_encoding=encoding, max_bytes=max_bytes, how="Send it."
    )


def refusal(*arguments: Any, **named: Any) -> PneumoniaError:
    with pytest.raises(PneumoniaError) as caught:
        read(*arguments, **named)
    return caught.value


@pytest.mark.parametrize("encoding", ["gzip", "GZip", " x-gzip ", "identity, gzip", "gzip,"])
def test_gzip_is_unpacked(encoding: str) -> None:
    assert read(gzip.compress(DATA), encoding) == DATA


@pytest.mark.parametrize("encoding", ["", "identity", " , "])
def test_uncoded_bodies_stay_unchanged(encoding: str) -> None:
    assert read(gzip.compress(DATA, mtime=0), encoding) == gzip.compress(DATA, mtime=0)
    assert read("text", encoding) == "text"


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "br, gzip", "jane doe"])
def test_other_codings_are_unsupported(encoding: str) -> None:
    error = refusal(gzip.compress(DATA), encoding)
    assert isinstance(error, UnsupportedFormat)
    named = "an invalid name" if encoding == "jane doe" else encoding
    assert f"a Content-Encoding that is not supported: {named}. " in error.detail


def test_a_bomb_is_refused_in_bounded_memory() -> None:
    bomb = gzip.compress(bytes(50_000_000), 1)
    tracemalloc.start()
    try:
        error = refusal(bomb, max_bytes=1_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(error, TooLarge)
    assert "more than the limit of 1000000 bytes" in error.detail
    assert peak < 6_000_000


def test_a_body_of_exactly_the_limit_is_accepted() -> None:
    assert len(read(gzip.compress(bytes(1000)))) == 1000
    assert isinstance(refusal(gzip.compress(bytes(1001))), TooLarge)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (gzip.compress(DATA)[:-9], "truncated in transfer"),
        (gzip.compress(DATA)[:5], "truncated in transfer"),
        (DATA, "not gzip or is damaged"),
        (zlib.compress(DATA), "not gzip or is damaged"),
        (gzip.compress(DATA)[:-8] + bytes(8), "not gzip or is damaged"),  # another checksum
        (gzip.compress(DATA) + gzip.compress(DATA), "more data after the end"),
        ("arrived as text", "has a text Content-Type"),
    ],
    # gzip data contains the time of day, so test ids made from it would differ between processes.
    ids=["cut late", "cut early", "plain", "zlib", "checksum", "two", "text"],
)
def test_invalid_gzip(data: bytes | str, reason: str) -> None:
    error = refusal(data)
    assert isinstance(error, MalformedRequest)
    assert reason in error.detail
    assert error.__cause__ is None


def test_zeros_after_gzip_are_padding() -> None:
    assert read(gzip.compress(DATA) + bytes(9)) == DATA


def test_gzip_of_nothing() -> None:
    assert isinstance(refusal(gzip.compress(b"")), MissingImage)


@pytest.mark.parametrize("body", [None, ""])
@pytest.mark.parametrize("encoding", ["", "gzip", "br"])
def test_no_body(body: str | None, encoding: str) -> None:
    assert content_of(body, is_base64=True, content_encoding=encoding, max_bytes=9, how="") is None


@pytest.mark.parametrize("content", ["\ufeff{}", b"\xef\xbb\xbf{}", b"{}", "{}"])
def test_json_with_and_without_a_byte_order_mark(content: str | bytes) -> None:
    assert json_of(content, "") == {}


@pytest.mark.parametrize("content", ["", "\ufeff", "{", b'{"image": "\xff"}', "[" * 100_000])
def test_invalid_json(content: str | bytes) -> None:
    with pytest.raises(MalformedRequest, match="Send it"):
        json_of(content, "Send it.")
