"""Find the image in a request over HTTP or a direct invoke: its bytes, or its URL."""

import codecs
from typing import Any, NamedTuple

from pneumonia.errors import MalformedRequest, MissingImage
from pneumonia.http.bodies import base64_of, content_of, json_of, too_large
from pneumonia.http.forms import file_of, is_multipart, media_type, refuse_other_multipart, refuse_pairs

_HOW = (
    "Send the bytes of an image file (JPEG, PNG, TIFF, WebP, BMP, DICOM), a form with the file "
    '(curl -F file=@image.png), or JSON {"image": "<base64>"} or {"url": "https://..."}.'
)
# How known image formats begin in base64. The last entry is the empty preamble of DICOM.
_IN_BASE64 = (b"data:", b"iVBORw0KGg", b"/9j/", b"SUkqA", b"TU0AK", b"UklGR", b"AAAAAAAAAAAAAAAA")
_LOST_BY_CURL = (b"\r", b"\n", b"\0")
# A file of this size, compressed or not, always has some bytes that are zero or look like line breaks.
_SURELY_BYTES = 4096
_OVERHEAD_BYTES = 65_536
"""Room for the rest of the body around an image: the head of a form, or other members of JSON."""


class InlineImage(NamedTuple):
    """The bytes of an image file that came with the request."""

    data: bytes


class RemoteImage(NamedTuple):
    """A URL to fetch the image from, not checked yet."""

    url: str


GivenImage = InlineImage | RemoteImage


def from_http(
    body: str | None,
    *,
    is_base64: bool,
    content_type: str,
    max_bytes: int,
    content_encoding: str = "",
    in_query: frozenset[str] = frozenset(),
) -> GivenImage:
    """Return the image of a Function URL request.

    `body` is the body in the event, in base64 if `is_base64`. Lambda encodes every body whose Content-Type is not text,
    JSON, JavaScript or XML. A body is read as a form or as JSON if its Content-Type says so. Many clients send another
    type, so a body that begins like a form or like JSON is read as one too. No image format begins with "{" or with a
    boundary. `in_query` names parameters that a form must not have as fields. Raises MalformedRequest, MissingImage,
    TooLarge, UnsupportedFormat (a Content-Encoding other than gzip).
    """
    # Base64 with line breaks is at most 1.5 times as large as the image.
    most = max_bytes + max_bytes // 2 + _OVERHEAD_BYTES
    content = content_of(body, is_base64=is_base64, content_encoding=content_encoding, max_bytes=most, how=_HOW)
    if not content:
        raise MissingImage(f"The request has no body. {_HOW}")
    if is_multipart(content, content_type):
        return InlineImage(_of_image(file_of(content, content_type, max_bytes, in_query)))
    if media_type(content_type).endswith(("/json", "+json")) or _starts_object(content):
        return from_json(json_of(content, _HOW), max_bytes)
    refuse_other_multipart(content_type)
    refuse_pairs(content, content_type)
    if isinstance(content, str):
        raise MalformedRequest(
            f"The body arrived as text. {_HOW} Send bytes with a Content-Type such as image/jpeg, application/dicom or "
            "application/octet-stream. With a text type, they are damaged on the way."
        )
    if len(content) > max_bytes:
        raise too_large(max_bytes)
    return InlineImage(_of_image(content))


def from_json(value: Any, max_bytes: int) -> GivenImage:
    """Return the image of a parsed JSON body or of the event of a direct invoke.

    `image` is base64, with or without a `data:...;base64,` prefix and line breaks. Other members are ignored.
    Raises MalformedRequest, MissingImage, TooLarge.
    """
    if not isinstance(value, dict):
        raise MalformedRequest(f"The JSON must be an object. {_HOW}")
    given = [name for name in ("image", "url") if value.get(name) is not None]
    if not given:
        raise MissingImage(f"The JSON has neither image nor url. {_HOW}")
    if len(given) == 2:
        raise MalformedRequest("The JSON has both image and url. Send only one of them.")
    name = given[0]
    text = value[name]
    if not isinstance(text, str):
        raise MalformedRequest(f"{name} must be a JSON string. {_HOW}")
    if not text.strip():
        raise MissingImage(f"{name} is empty. {_HOW}")
    if name == "url":
        return RemoteImage(text.strip())
    data = base64_of(_strip_data_url(text), max_bytes)
    if not data:
        raise MissingImage(f"The image is empty. {_HOW}")
    return InlineImage(data)


def _starts_object(content: str | bytes) -> bool:
    head = content[:64]
    head = head.encode("utf-8", "replace") if isinstance(head, str) else head
    return head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{")


def _of_image(content: bytes) -> bytes:
    """Return the bytes. Raises MalformedRequest if they are base64 text or were changed by curl."""
    if content.startswith(_IN_BASE64):
        raise MalformedRequest(f"The image arrived as base64 text instead of bytes. {_HOW}")
    if len(content) > _SURELY_BYTES and not any(byte in content for byte in _LOST_BY_CURL):
        raise MalformedRequest(
            "The image lost its line breaks and zero bytes on the way. `curl -d @image.png` causes this. "
            "Use curl --data-binary @image.png or curl -F file=@image.png."
        )
    return content


def _strip_data_url(text: str) -> str:
    text = text.strip()
    if text[:5].lower() != "data:":
        return text
    head, comma, data = text.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise MalformedRequest("The data: URL in image must be of the form data:image/png;base64,<data>.")
    return data
