"""The image in what a caller sent, over HTTP or by direct invoke: its bytes, or its address."""

import base64
import json
import string
from dataclasses import dataclass
from typing import Any

from pneumonia.errors import MalformedRequest, MissingImage, TooLarge

_HOW = 'Send the bytes of an image file (JPEG, PNG, TIFF, WebP, BMP, DICOM), or JSON {"image": "<base64>"} or {"url": "https://..."}.'


@dataclass(frozen=True)
class InlineImage:
    """The bytes of an image file that came with the request."""

    data: bytes


@dataclass(frozen=True)
class RemoteImage:
    """An address to fetch the image from, not checked yet."""

    url: str


GivenImage = InlineImage | RemoteImage


def from_http(body: str | None, *, is_base64: bool, content_type: str, max_bytes: int) -> GivenImage:
    """The image of a Function URL request.

    `body` is the event's, base64 if `is_base64` (Lambda encodes every body whose Content-Type is not text,
    JSON, JavaScript or XML). A body is JSON if its Content-Type says so or if its first character is "{",
    which no image format begins with: many clients send JSON without saying so. Raises MalformedRequest,
    MissingImage, TooLarge.
    """
    if not body:
        raise MissingImage(f"The request has no body. {_HOW}")
    content = _from_base64(body, max_bytes) if is_base64 else body
    said_json = content_type.partition(";")[0].strip().lower().endswith(("/json", "+json"))
    if said_json or _starts_object(content):
        return from_json(_parse(content), max_bytes)
    if isinstance(content, str):
        raise MalformedRequest(
            f"The body arrived as text. {_HOW} Bytes need a Content-Type such as image/jpeg, application/dicom or "
            "application/octet-stream, or they are damaged on the way."
        )
    return InlineImage(content)


def from_json(value: Any, max_bytes: int) -> GivenImage:
    """The image of a parsed JSON body, or of a direct invoke whose whole event it is.

    `image` is base64, with or without a `data:...;base64,` prefix and line breaks. Other members are ignored.
    Raises MalformedRequest, MissingImage, TooLarge.
    """
    if not isinstance(value, dict):
        raise MalformedRequest(f"The JSON must be an object. {_HOW}")
    given = [name for name in ("image", "url") if value.get(name) is not None]
    if not given:
        raise MissingImage(f"The JSON holds neither image nor url. {_HOW}")
    if len(given) == 2:
        raise MalformedRequest("The JSON holds both image and url. Send one of them.")
    name = given[0]
    text = value[name]
    if not isinstance(text, str):
        raise MalformedRequest(f"{name} must be a JSON string. {_HOW}")
    if not text.strip():
        raise MissingImage(f"{name} is empty. {_HOW}")
    if name == "url":
        return RemoteImage(text.strip())
    return InlineImage(_from_base64(_strip_data_url(text), max_bytes))


def _starts_object(content: str | bytes) -> bool:
    head = content[:64].lstrip()
    return head.startswith("{") if isinstance(head, str) else head.startswith(b"{")


def _parse(content: str | bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):  # ValueError covers JSONDecodeError and UnicodeDecodeError
        # `from None`: the original quotes the body.
        raise MalformedRequest(f"The body is not valid JSON. {_HOW}") from None


def _strip_data_url(text: str) -> str:
    text = text.strip()
    if text[:5].lower() != "data:":
        return text
    head, comma, data = text.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise MalformedRequest("The data: URL in image must be of the form data:image/png;base64,<data>.")
    return data


def _from_base64(text: str, max_bytes: int) -> bytes:
    data = _decoded(text, max_bytes)
    if data is None:  # perhaps for line breaks alone, which are allowed: few callers send them
        data = _decoded("".join(text.split()), max_bytes)
    if data is None:
        raise MalformedRequest("The image is not valid base64 (standard alphabet, padded with =).")
    if not data:
        raise MissingImage(f"The image is empty. {_HOW}")
    return data


def _decoded(text: str, max_bytes: int) -> bytes | None:
    """The bytes; None for what is not strictly base64. Raises TooLarge before decoding."""
    white = 0 if len(text) // 4 * 3 <= max_bytes + 2 else sum(map(text.count, string.whitespace))
    if (len(text) - white) // 4 * 3 > max_bytes + 2:  # three bytes for every four characters
        raise TooLarge(f"The image has more than {max_bytes} bytes, the limit. Send a smaller file.")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # covers binascii.Error
        return None
