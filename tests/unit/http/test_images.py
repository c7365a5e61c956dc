import base64
import gzip
import json
from typing import Any

import pytest

from pneumonia.errors import MalformedRequest, MissingImage, TooLarge
from pneumonia.http.images import InlineImage, RemoteImage, from_http, from_json

DATA = b"\x89PNG\r\n\x1a\nrest of the file\xff"
B64 = base64.b64encode(DATA).decode()


def http(
    body: str | None,
    *,
    is_base64: bool = False,
    content_type: str = "",
    max_bytes: int = 1000,
    content_encoding: str = "",
) -> Any:
    return from_http(
        body,
        is_base64=is_base64,
        content_type=content_type,
        max_bytes=max_bytes,
        content_encoding=content_encoding,
    )


@pytest.mark.parametrize("content_type", ["image/png", "image/jpeg", "application/octet-stream", ""])
def test_bytes_as_lambda_encodes_them(content_type: str) -> None:
    assert http(B64, is_base64=True, content_type=content_type) == InlineImage(DATA)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8", "application/problem+json", "text/plain", ""],
)
def test_json_with_an_image(content_type: str) -> None:
    assert http(json.dumps({"image": B64}), content_type=content_type) == InlineImage(DATA)


def test_json_that_lambda_has_encoded() -> None:
    # `curl -d '{...}'` sends this if no Content-Type is given.
    body = base64.b64encode(json.dumps({"url": "https://images.example.org/a.png"}).encode()).decode()
    image = http(body, is_base64=True, content_type="application/x-www-form-urlencoded")
    assert image == RemoteImage("https://images.example.org/a.png")


@pytest.mark.parametrize("prefix", ["data:image/png;base64,", "DATA:image/jpeg;charset=x;base64,", "  "])
def test_data_urls_and_line_breaks(prefix: str) -> None:
    wrapped = "\r\n".join(B64[i : i + 10] for i in range(0, len(B64), 10))
    assert from_json({"image": prefix + wrapped}, 1000) == InlineImage(DATA)


def test_url() -> None:
    assert from_json({"url": " https://images.example.org/a.png\n"}, 1000) == RemoteImage(
        "https://images.example.org/a.png"
    )


def test_other_members_are_ignored() -> None:
    assert from_json({"url": None, "image": B64, "comment": 1}, 1000) == InlineImage(DATA)


@pytest.mark.parametrize("body", [None, "", "{}", '{"image": null}', '{"image": " "}', '{"url": ""}'])
def test_missing_image(body: str | None) -> None:
    with pytest.raises(MissingImage):
        http(body, content_type="application/json")


def test_an_empty_image() -> None:
    with pytest.raises(MissingImage):
        from_json({"image": "data:image/png;base64,"}, 1000)


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "null",
        "[1]",
        '"text"',
        '{"image": 1}',
        '{"url": ["https://a.example.org"]}',
        '{"image": "aGVsbG8=", "url": "https://a.example.org"}',
        '{"image": "not base64!"}',
        '{"image": "aGVsbG8"}',  # padding is missing
        '{"image": "data:image/png,plain"}',
        '{"image": "data:image/png;base64"}',
        '{"image": "aGVsbG8=\u00fc"}',
        "[" * 100_000,
    ],
)
def test_malformed_json(body: str) -> None:
    with pytest.raises(MalformedRequest):
        http(body, content_type="application/json")


def test_json_in_bytes_that_are_not_utf_8() -> None:
    with pytest.raises(MalformedRequest):
        http(base64.b64encode(b'{"image": "\xff"}').decode(), is_base64=True)


def test_text_that_is_not_json_says_how_to_send_bytes() -> None:
    with pytest.raises(MalformedRequest, match="Content-Type such as image/jpeg"):
        http(B64, content_type="text/plain")


def test_a_body_flagged_as_base64_that_is_not() -> None:
    with pytest.raises(MalformedRequest, match="base64"):
        http("%%%", is_base64=True, content_type="image/png")


def test_json_behind_a_byte_order_mark() -> None:
    text = json.dumps({"image": B64})
    assert http("\ufeff" + text, content_type="application/json") == InlineImage(DATA)
    for content_type in ("application/json", "application/octet-stream", ""):
        body = base64.b64encode(text.encode("utf-8-sig")).decode()
        assert http(body, is_base64=True, content_type=content_type) == InlineImage(DATA)


@pytest.mark.parametrize("body", [B64.encode(), b"data:image/png;base64," + B64.encode(), b"/9j/4AAQSkZJRg=="])
def test_base64_instead_of_bytes_gets_the_right_reason(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match=r"arrived as base64 text.*\{\"image\": \"<base64>\"\}"):
        http(base64.b64encode(body).decode(), is_base64=True, content_type="image/png")


def test_a_file_that_curl_sent_as_text_gets_the_right_reason() -> None:
    data = bytes(byte for byte in range(256)) * 20
    stripped = data.translate(None, b"\r\n\0")
    with pytest.raises(MalformedRequest, match="--data-binary"):
        http(base64.b64encode(stripped).decode(), is_base64=True, max_bytes=9999)
    assert http(base64.b64encode(data).decode(), is_base64=True, max_bytes=9999) == InlineImage(data)


def test_gzip_and_forms_are_read() -> None:
    packed = base64.b64encode(gzip.compress(DATA)).decode()
    assert http(packed, is_base64=True, content_encoding="gzip") == InlineImage(DATA)
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + DATA + b"\r\n--b--\r\n"
    form = base64.b64encode(gzip.compress(body)).decode()
    assert http(form, is_base64=True, content_type="multipart/form-data; boundary=b", content_encoding="gzip") == (
        InlineImage(DATA)
    )


def test_parts_that_are_not_a_form_get_the_right_reason() -> None:
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + DATA + b"\r\n--b--"
    with pytest.raises(MalformedRequest, match="several parts but is not multipart/form-data"):
        http(
            base64.b64encode(body).decode(),
            is_base64=True,
            content_type='multipart/related; type="application/dicom"; boundary=b',
        )


def test_limits_apply_after_decompression() -> None:
    with pytest.raises(TooLarge, match="999"):
        http(
            base64.b64encode(gzip.compress(bytes(1000))).decode(),
            is_base64=True,
            content_encoding="gzip",
            max_bytes=999,
        )
    # JSON within gzip may be longer than the image in it.
    text = json.dumps({"image": base64.b64encode(bytes(999)).decode()}).encode()
    body = base64.b64encode(gzip.compress(text)).decode()
    assert http(body, is_base64=True, content_encoding="gzip", max_bytes=999) == InlineImage(bytes(999))


def test_size_is_checked_before_decoding() -> None:
    exact = base64.b64encode(bytes(999)).decode()
    assert from_json({"image": exact}, 999) == InlineImage(bytes(999))
    with pytest.raises(TooLarge, match="999"):
        from_json({"image": "A" * 1400}, 999)
    with pytest.raises(TooLarge):
        http("A" * 1400, is_base64=True, max_bytes=999)


def test_messages_do_not_quote_the_body() -> None:
    with pytest.raises(MalformedRequest) as refused:
        http('{"patient": Jane}', content_type="application/json")
    assert "Jane" not in refused.value.detail
    assert refused.value.__cause__ is None
