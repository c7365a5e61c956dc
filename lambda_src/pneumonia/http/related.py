"""Read the instances in the body of a DICOMweb request: `multipart/related` or one instance (PS3.18, 8.7.3.5)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pneumonia.errors import MalformedRequest, MissingImage, TooLarge, UnsupportedFormat
from pneumonia.http.bodies import bytes_of

if TYPE_CHECKING:
    from email.message import Message

    from multipart import PushMultipartParser

DICOM = "application/dicom"
RELATED = "multipart/related"

MAX_PARTS = 64
"""Each part needs two calls to S3, and all calls must fit into the timeout of the function."""

_MAX_HEADER = 1_000
_SEND = f'Send Content-Type: {RELATED}; type="{DICOM}"; boundary=..., with one instance in each part.'


def instances_of(content: str | bytes, content_type: str) -> list[bytes | None]:
    """Return the bytes of each part, in order; None for a part whose Content-Type is not DICOM.

    Raises UnsupportedFormat (415) for another media type, MalformedRequest (400) for an invalid multipart body,
    MissingImage (400) for a body without parts, and TooLarge (413) for more than MAX_PARTS.
    """
    kind = _header(content_type)
    media_type = kind.get_content_type() if content_type else ""
    if media_type == DICOM:
        return [bytes_of(content, RELATED)]
    if media_type != RELATED:
        raise UnsupportedFormat(f"This path takes DICOM instances only. {_SEND}")
    # The standard requires the parameter `type`. Without it, the types of the parts decide.
    of_parts = str(kind.get_param("type", DICOM)).strip().lower()
    if of_parts != DICOM:
        raise UnsupportedFormat(f"The parts must be DICOM instances. Metadata with bulk data is not supported. {_SEND}")
    boundary = kind.get_boundary()
    if not boundary:
        raise MalformedRequest(f"The Content-Type has no boundary. {_SEND}")
    found = list(_parts(bytes_of(content, RELATED), boundary.encode("latin-1", "replace")))
    if not found:
        raise MissingImage(f"The request has no instance. {_SEND}")
    return found


def _header(content_type: str) -> "Message":
    if len(content_type) > _MAX_HEADER:
        raise UnsupportedFormat(f"The Content-Type has more than {_MAX_HEADER} characters. {_SEND}")
    # Imported here to keep cold starts short.
    from email.message import Message

    message = Message()
    message["Content-Type"] = content_type
    return message


def _parts(data: bytes, boundary: bytes) -> Iterator[bytes | None]:
    # Imported here, because few callers send several parts.
    from multipart import MultipartError, ParserLimitReached

    parser = _parser(boundary)
    found: list[bytes | None] = []
    try:
        with parser:
            for event in parser.parse(data):
                if isinstance(event, bytes | bytearray):
                    if found[-1] is not None:  # one event per part, because all the data is parsed at once
                        found[-1] = bytes(event)
                elif event is not None:
                    found.append(b"" if event.content_type in (None, DICOM) else None)
    except ParserLimitReached:
        raise TooLarge(
            f"The request has more than {MAX_PARTS} parts, or a part with too many headers. Send the instances in "
            "several requests."
        ) from None
    except MultipartError:
        if b"--" + boundary + b"--" not in data:
            raise MalformedRequest(
                "The body has no last boundary: it was truncated in transfer, or the Content-Type names another "
                "boundary. Send it again."
            ) from None
        raise MalformedRequest(f"The parts of the body, or their headers, are damaged. {_SEND}") from None
    return iter(found)


def _parser(boundary: bytes) -> "PushMultipartParser":
    from multipart import MultipartSegment, PushMultipartParser

    class Related(PushMultipartParser):  # type: ignore[misc]  # no type information upstream
        """Accepts parts without Content-Disposition, which the library requires for forms."""

        def _create_segment(self, headerlist: list[tuple[str, str]]) -> MultipartSegment:
            return MultipartSegment(headerlist)

    return Related(boundary, max_segment_count=MAX_PARTS)
