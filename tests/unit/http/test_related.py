"""Valid and invalid bodies of multipart/related."""

import contextlib
from collections.abc import Sequence

import pytest
from dicomweb_client.web import DICOMwebClient
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pneumonia.errors import MalformedRequest, MissingImage, PneumoniaError, TooLarge, UnsupportedFormat
from pneumonia.http.related import MAX_PARTS, instances_of

B = "0f3cf5c0-70e0"
RELATED = f'multipart/related; type="application/dicom"; boundary={B}'
DATA = b"\0DICM\r\n\r\n--0f3c\r\n\xff\n"


def body(*parts: bytes, head: str = "Content-Type: application/dicom", boundary: str = B) -> bytes:
    """Return a body of parts. `head`: the headers of each part, one a line."""
    lines = b"".join(f"--{boundary}\r\n{head}\r\n\r\n".encode() + part + b"\r\n" for part in parts)
    return lines + f"--{boundary}--\r\n".encode()


def refusal(content: str | bytes, content_type: str) -> PneumoniaError:
    with pytest.raises(PneumoniaError) as caught:
        instances_of(content, content_type)
    return caught.value


@pytest.mark.parametrize(
    "content_type",
    [
        RELATED,
        f'multipart/related; type="application/dicom"; boundary="{B}"',
        f"multipart/related; type=application/dicom; boundary={B}",
        f"multipart/related;type=application/dicom;boundary={B};start=x",
        f'Multipart/Related; Boundary="{B}"; Type="Application/DICOM"',
        f"multipart/related; boundary={B}",
    ],
    ids=["as written", "quoted boundary", "type not quoted", "no spaces", "capitals", "no type"],
)
def test_ways_of_writing_the_type(content_type: str) -> None:
    assert instances_of(body(DATA, b"2", b""), content_type) == [DATA, b"2", b""]


def test_a_boundary_that_must_be_quoted() -> None:
    odd = "a b:c?(d)/e=f"
    assert instances_of(body(DATA, boundary=odd), f'multipart/related; boundary="{odd}"') == [DATA]


def test_the_body_of_dicomweb_client() -> None:
    content_type = f'multipart/related; type="application/dicom"; boundary="{B}"'
    sent = DICOMwebClient._encode_multipart_message([DATA, b"2"], content_type)
    assert instances_of(sent, content_type) == [DATA, b"2"]


def test_text_around_the_parts_is_ignored() -> None:
    assert instances_of(b"preamble\r\n" + body(DATA) + b"epilogue", RELATED) == [DATA]


def test_one_instance_alone_needs_no_parts() -> None:
    assert instances_of(DATA, "application/dicom") == [DATA]
    assert instances_of(DATA, "application/dicom; transfer-syntax=1.2.840.10008.1.2.1") == [DATA]


def test_bytes_that_arrived_as_characters() -> None:
    assert instances_of(body(DATA).decode("latin-1"), RELATED) == [DATA]
    assert "arrived as text" in refusal(body(b"x").decode() + "\u2026", RELATED).detail


@pytest.mark.parametrize(
    ("head", "is_instance"),
    [
        ("Content-Type: application/dicom", True),
        ("content-type: application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90", True),
        ("Content-Length: 1", True),
        ("Content-Type: application/dicom+json", False),
        ("Content-Type: image/jpeg\r\nContent-Location: pixels", False),
    ],
)
def test_parts_of_other_types_are_none(head: str, is_instance: bool) -> None:
    assert instances_of(body(b"x", head=head), RELATED) == [b"x" if is_instance else None]


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data; boundary=" + B,
        'multipart/related; type="application/dicom+json"; boundary=' + B,
        'multipart/related; type="application/dicom+xml"; boundary=' + B,
        "multipart/related; boundary=" + "x" * 1000,
    ],
)
def test_other_media_types(content_type: str) -> None:
    for content in (body(DATA), "text that Lambda passes on unchanged \u2026"):
        error = refusal(content, content_type)
        assert isinstance(error, UnsupportedFormat)
        assert "application/dicom" in error.detail


@pytest.mark.parametrize(
    ("content", "content_type", "says"),
    [
        (body(DATA), "multipart/related; type=application/dicom", "has no boundary"),
        (body(DATA), 'multipart/related; boundary=""', "has no boundary"),
        (body(DATA), "multipart/related; boundary=another", "names another boundary"),
        (body(DATA)[:-8], RELATED, "truncated in transfer"),
        (b"\xff" * 1000, RELATED, "truncated in transfer"),
        (body(DATA, head="no colon"), RELATED, "are damaged"),
        (body(DATA, head="Content-Length: 3"), RELATED, "are damaged"),
        (body(DATA, head="X: \u00e4").replace(b"\xc3\xa4", b"\xe4"), RELATED, "are damaged"),
    ],
)
def test_damaged_bodies(content: bytes, content_type: str, says: str) -> None:
    error = refusal(content, content_type)
    assert isinstance(error, MalformedRequest)
    assert says in error.detail


def test_no_parts() -> None:
    assert isinstance(refusal(f"--{B}--\r\n".encode(), RELATED), MissingImage)


def test_the_number_of_parts_is_limited() -> None:
    assert len(instances_of(body(*[b"x"] * MAX_PARTS), RELATED)) == MAX_PARTS
    for count in (MAX_PARTS + 1, 1000):
        error = refusal(body(*[b"x"] * count), RELATED)
        assert isinstance(error, TooLarge)
        assert f"more than {MAX_PARTS} parts" in error.detail


def test_headers_are_limited() -> None:
    assert isinstance(refusal(body(b"x", head="X-Long: " + "x" * 10_000), RELATED), TooLarge)
    many = "\r\n".join(f"X-{number}: x" for number in range(100))
    assert isinstance(refusal(body(b"x", head=many), RELATED), TooLarge)


# The data contains no boundary, which would split the parts differently.
_PART = st.binary(max_size=60).filter(lambda data: B.encode() not in data)
_PIECE = st.sampled_from(
    [
        b"--" + B.encode(),
        B.encode(),
        b"--",
        b"\r\n",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b"Content-Type: application/dicom",
        b":",
    ]
)


@given(parts=st.lists(_PART, min_size=1, max_size=5))
@settings(deadline=None)
@example(parts=[b"\r\n"])
@example(parts=[b"\r\n--", b"--"])
def test_parts_are_read_unchanged(parts: Sequence[bytes]) -> None:
    assert instances_of(body(*parts), RELATED) == list(parts)


@given(content=st.lists(_PIECE | st.binary(max_size=8), max_size=20).map(b"".join))
@settings(deadline=None)
def test_any_body_gives_instances_or_an_error(content: bytes) -> None:
    try:
        found = instances_of(content, RELATED)
    except (MalformedRequest, MissingImage, TooLarge):
        return
    assert 0 < len(found) <= MAX_PARTS
    assert sum(len(part or b"") for part in found) <= len(content)


_PARAMETER = st.sampled_from(
    [*"=; *'\"\\\x00\u00e4", *("boundary", "type", "boundary*", "boundary*0", "boundary*1*", "9" * 30, B, "utf-8''%ff")]
)


@given(parameters=st.lists(_PARAMETER | st.text(max_size=4), max_size=25).map("".join))
@settings(deadline=None)
@example(parameters="boundary*0*=x''%;boundary*1=y")
@example(parameters="boundary*=unknown-8bit'%ff'%ff")
def test_any_header_is_read_or_refused(parameters: str) -> None:
    with contextlib.suppress(MalformedRequest, MissingImage, TooLarge, UnsupportedFormat):
        assert instances_of(body(DATA), f"multipart/related; {parameters}")
