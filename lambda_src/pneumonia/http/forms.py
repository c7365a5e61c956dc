"""Read the file from a form: `multipart/form-data`, as sent by browsers, `curl -F` and `files=` of requests."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pneumonia.errors import MalformedRequest, MissingImage
from pneumonia.http.bodies import bytes_of, too_large
from pneumonia.http.requests import PLAIN_NAME

if TYPE_CHECKING:
    from multipart import MultipartSegment

SEND_FILE = "Send the file itself: curl -F file=@image.png, files= in requests, <input type=file> in a page."

MAX_PARTS = 64
_HEAD_BYTES = 1024
# The beginning of a form. The Content-Type alone is not enough: when set by hand, it often lacks the boundary.
_BEGINS = re.compile(rb"\s*--([!-~](?:[ -~]{0,68}[!-~])?)[ \t]*\r\n")
_FIRST_PART = re.compile(rb"(?:[\w-]+:[^\r\n]*\r\n)*?content-disposition:[ \t]*form-data", re.IGNORECASE)
_PAIR = re.compile(rb"([\w.\[\]%+-]{1,64})=[!-~]*")


def is_multipart(content: str | bytes, content_type: str) -> bool:
    """Return whether a body is `multipart/form-data`, by its Content-Type or its beginning."""
    if media_type(content_type) == "multipart/form-data":
        return True
    head = _head(content)
    found = _BEGINS.match(head)
    return found is not None and _FIRST_PART.match(head, found.end()) is not None


def file_of(content: str | bytes, content_type: str, max_bytes: int, in_query: frozenset[str]) -> bytes:
    """Return the bytes of the only file in a form. Fields named in `in_query` are refused, other fields are ignored.

    Raises MalformedRequest (several files, a field of `in_query`, or a damaged form), MissingImage (no file, or an
    empty one), TooLarge.
    """
    files, fields = _parts(bytes_of(content, "multipart/form-data"), content_type)
    if misplaced := sorted(in_query.intersection(fields)):
        raise MalformedRequest(
            f"The form has the field {misplaced[0]}. Send it as a query parameter, as in "
            f"/predict?{misplaced[0]}=..., and send only the file in the form."
        )
    chosen = [file for file in files if file]  # browsers send an empty file if none was chosen
    if len(chosen) > 1:
        raise MalformedRequest(f"The form has {len(chosen)} files. Send each image in a separate request.")
    if not chosen:
        if files:
            raise MissingImage("The file in the form is empty (0 bytes). Choose the image again and send it.")
        raise MissingImage(f"The form has no file{_named(fields)}. {SEND_FILE}")
    if len(chosen[0]) > max_bytes:
        raise too_large(max_bytes)
    return chosen[0]


def refuse_other_multipart(content_type: str) -> None:
    """Raise MalformedRequest if a body is multipart but not form-data, as in DICOMweb."""
    if media_type(content_type).startswith("multipart/"):
        raise MalformedRequest(
            "The body has several parts but is not multipart/form-data. Send one file as multipart/form-data, or only "
            "the bytes of the file."
        )


def refuse_pairs(content: str | bytes, content_type: str) -> None:
    """Raise MalformedRequest if a body is a form of name=value pairs, such as `image=<base64>`.

    `curl --data-binary` sends files with the same Content-Type, but the first bytes of a file are not all printable
    ASCII.
    """
    if media_type(content_type) != "application/x-www-form-urlencoded":
        return
    if found := _PAIR.fullmatch(_head(content).rstrip()):
        raise MalformedRequest(
            f"The body is a form without a file{_named([found[1].decode()])}. {SEND_FILE} "
            'Send base64 in JSON: {"image": "<base64>"}.'
        )


def media_type(content_type: str) -> str:
    """Return the type in a Content-Type header, in lower case and without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def _parts(data: bytes, content_type: str) -> tuple[list[bytes], list[str]]:
    """Return the files of a form, and the names of its other fields."""
    # Imported here: few callers send forms.
    from multipart import MultipartError, PushMultipartParser

    boundary = _boundary(data, content_type)
    files: list[bytes] = []
    fields: list[str] = []
    parser = PushMultipartParser(boundary, max_segment_count=MAX_PARTS)
    try:
        with parser:
            to_file = False
            for event in parser.parse(data.lstrip()):
                if isinstance(event, bytes | bytearray):
                    if to_file:  # in one piece, because all the data is parsed at once
                        files[-1] = bytes(event)
                elif event is not None:
                    to_file = _is_file(event)
                    if to_file:
                        files.append(b"")
                    else:
                        fields.append(event.name)
    except MultipartError:
        if b"--" + boundary + b"--" not in data[-len(boundary) - _HEAD_BYTES :]:
            raise MalformedRequest(
                "The form has no last boundary: it was truncated in transfer. Send it again."
            ) from None
        raise MalformedRequest(
            f"The form cannot be read, because its parts or their headers are damaged. {SEND_FILE}"
        ) from None
    return files, fields


def _boundary(data: bytes, content_type: str) -> bytes:
    from multipart import parse_options_header

    said = parse_options_header(content_type)[1].get("boundary", "").encode("latin-1", "replace")
    start = data[:_HEAD_BYTES].lstrip()
    if said and start.startswith(b"--" + said):
        return bytes(said)
    found = _BEGINS.match(start)
    if found is None:
        raise MalformedRequest(
            "The Content-Type is multipart/form-data, but the body does not begin with a boundary. Send a form, or the "
            "bytes of the file with a Content-Type such as image/jpeg."
        )
    return found[1]


def _is_file(part: "MultipartSegment") -> bool:
    """Return whether a part is a file.

    A file has a file name, plain or encoded (`filename*`), or a type other than text.
    """
    disposition = next((value for name, value in part.headerlist if name == "Content-Disposition"), "")
    kind = part.content_type
    return (
        part.filename is not None
        or "filename*=" in disposition.lower()
        or (kind is not None and not kind.startswith("text/"))
    )


def _head(content: str | bytes) -> bytes:
    head = content[:_HEAD_BYTES]
    return head.encode("latin-1", "replace") if isinstance(head, str) else head


def _named(fields: Sequence[str]) -> str:
    """Return a text such as ", only the fields image and force"."""
    plain = [name for name in dict.fromkeys(fields) if PLAIN_NAME.fullmatch(name)]
    if not plain:
        return ""
    *others, last = plain[:5]
    return f", only the field{'s' if others else ''} {', '.join(others) + ' and ' if others else ''}{last}"
