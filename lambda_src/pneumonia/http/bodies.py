"""Decode the body of a request from base64 and gzip, up to a limit in size."""

import base64
import json
import re
import zlib
from typing import Any

from pneumonia.errors import MalformedRequest, MissingImage, TooLarge, UnsupportedFormat

_GZIP = frozenset({"gzip", "x-gzip"})
_ANY_GZIP_HEADER = zlib.MAX_WBITS | 16
_BOM = "\ufeff"
_PLAIN_NAME = re.compile(r"[a-z0-9-]{1,12}")


def bytes_of(content: str | bytes, media_type: str) -> bytes:
    """Return the bytes of a body, even if a gateway has turned each byte into a character.

    Raises MalformedRequest for text with other characters. The message names ``media_type`` as the type that gateways
    must pass as binary.
    """
    if isinstance(content, bytes):
        return content
    try:
        return content.encode("latin-1")
    except UnicodeEncodeError:
        raise MalformedRequest(
            "The body arrived as text, which damages the bytes of its files. Configure the gateway in front of the "
            f"service to pass {media_type} as binary (isBase64Encoded)."
        ) from None


def content_of(
    body: str | None, *, is_base64: bool, content_encoding: str, max_bytes: int, how: str
) -> str | bytes | None:
    """Return the content of a Function URL request: bytes if `is_base64`, else text; None without a body.

    `content_encoding` is the Content-Encoding header, or empty. `how` is a sentence for the messages that says what to
    send. At most `max_bytes` bytes are decompressed. Raises MalformedRequest, MissingImage (empty after
    decompression), TooLarge, UnsupportedFormat (a coding other than gzip).
    """
    if not body:
        return None
    codings = [name for name in (part.strip().lower() for part in content_encoding.split(",")) if name]
    codings = [name for name in codings if name != "identity"]
    if not codings:
        return base64_of(body, max_bytes) if is_base64 else body
    if len(codings) > 1 or codings[0] not in _GZIP:
        found = ", ".join(codings) if all(_PLAIN_NAME.fullmatch(name) for name in codings) else "an invalid name"
        raise UnsupportedFormat(
            f"The body has a Content-Encoding that is not supported: {found}. Send it uncompressed, or compressed once "
            "with gzip."
        )
    if not is_base64:
        raise MalformedRequest(
            "The body is compressed with gzip but has a text Content-Type, so it arrived as text and is damaged. Send "
            "it with Content-Type: application/octet-stream, or uncompressed."
        )
    content = _unpacked(base64_of(body, max_bytes), max_bytes)
    if not content:
        raise MissingImage(f"The body is empty after decompression. {how}")
    return content


def json_of(content: str | bytes, how: str) -> Any:
    """Return the JSON value of the content. Raises MalformedRequest; its message ends with `how`."""
    try:
        # The parser accepts a byte order mark before bytes but not before text.
        return json.loads(content.removeprefix(_BOM) if isinstance(content, str) else content)
    except (ValueError, RecursionError):  # ValueError covers JSONDecodeError and UnicodeDecodeError
        # `from None`, because the original exception quotes the body.
        raise MalformedRequest(f"The body is not valid JSON. {how}") from None


def base64_of(text: str, max_bytes: int) -> bytes:
    """Return the bytes of a base64 text, which may have line breaks.

    Raises MalformedRequest. Raises TooLarge before decoding.
    """
    data = _decoded(text, max_bytes)
    if data is None:  # the cause may be line breaks, which are allowed but rare
        data = _decoded("".join(text.split()), max_bytes)
    if data is None:
        raise MalformedRequest(
            "The image is not valid base64 (standard alphabet, padded with =). Encode the bytes of the file again."
        )
    return data


def too_large(max_bytes: int) -> TooLarge:
    """Return the error for an image with more bytes than the limit."""
    return TooLarge(f"The image has more than the limit of {max_bytes} bytes. Send a smaller file.")


def _decoded(text: str, max_bytes: int) -> bytes | None:
    """Return the bytes; None if the text is not strict base64. Raises TooLarge before decoding."""
    white = 0 if len(text) // 4 * 3 <= max_bytes + 2 else sum(map(text.count, " \t\n\r\x0b\x0c"))
    if (len(text) - white) // 4 * 3 > max_bytes + 2:  # three bytes for every four characters
        raise too_large(max_bytes)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # covers binascii.Error
        return None


def _unpacked(data: bytes, max_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(_ANY_GZIP_HEADER)
    try:
        content = unpacker.decompress(data, max_bytes + 1)
    except zlib.error:
        raise MalformedRequest(
            "The Content-Encoding is gzip, but the body is not gzip or is damaged. Compress it, or omit the header."
        ) from None
    if len(content) > max_bytes:
        raise TooLarge(f"The body decompresses to more than the limit of {max_bytes} bytes. Send a smaller file.")
    if not unpacker.eof:
        raise MalformedRequest("The gzip body was truncated in transfer. Send it again.")
    if unpacker.unused_data.strip(b"\0"):
        raise MalformedRequest("The body has more data after the end of the gzip data. Compress the whole body once.")
    return content
