import base64
import contextlib
from typing import Any

import numpy as np
import pytest
import requests

from pneumonia.errors import MalformedRequest, MissingImage, PneumoniaError, TooLarge
from pneumonia.http.forms import file_of, is_multipart, refuse_pairs
from tests.conftest import LoadEvent

DATA = b"\x89PNG\r\n\x1a\n\r\n--rest\r\n\x00\xff"
QUERY = frozenset({"heatmap", "force"})
URLENCODED = "application/x-www-form-urlencoded"


def form(files: Any, data: Any = None) -> tuple[bytes, str]:
    """Return a form made by requests: the body and its Content-Type."""
    prepared = requests.Request("POST", "https://images.example.org/", files=files, data=data).prepare()
    assert isinstance(prepared.body, bytes)
    return prepared.body, prepared.headers["Content-Type"]


def read(body: str | bytes, content_type: str, max_bytes: int = 1000) -> bytes:
    assert is_multipart(body, content_type)
    return file_of(body, content_type, max_bytes, QUERY)


def refusal(body: str | bytes, content_type: str, max_bytes: int = 1000) -> PneumoniaError:
    with pytest.raises(PneumoniaError) as caught:
        read(body, content_type, max_bytes)
    return caught.value


@pytest.mark.parametrize("name", ["curl", "requests", "browser"])
def test_forms_as_clients_send_them(load_event: LoadEvent, name: str) -> None:
    event = load_event(f"function_url_form_{name}")
    found = read(base64.b64decode(event["body"]), event["headers"]["content-type"])
    assert found.startswith(b"\x89PNG\r\n")
    assert found.endswith(b"IEND\xaeB`\x82")


@pytest.mark.parametrize(
    "files",
    [
        {"file": ("image.png", DATA)},
        {"anything": ("fülm.png", DATA, "application/dicom")},
        {"file": (None, DATA, "image/png")},
        {"file": ("a", DATA), "empty": ("b", b"")},
    ],
)
def test_one_file_is_read_under_any_name(files: Any) -> None:
    assert read(*form(files, {"comment": "left"})) == DATA


def test_the_name_of_the_file_may_be_encoded() -> None:
    body, content_type = form({"file": ("image.png", DATA)})
    assert read(body.replace(b'filename="image.png"', b"filename*=UTF-8''f%C3%BClm.png"), content_type) == DATA


@pytest.mark.parametrize(
    "content_type", ["", "multipart/form-data", "multipart/form-data; boundary=other", "image/png", "text/plain"]
)
def test_the_boundary_is_found_without_the_header(content_type: str) -> None:
    assert read(form({"file": ("image.png", DATA)})[0], content_type) == DATA


def test_a_boundary_in_the_header_may_end_in_hyphens() -> None:
    body = b'--x--\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n1\r\n--x----\r\n'
    assert read(body, 'multipart/form-data; boundary="x--"') == b"1"


def test_an_event_that_is_not_base64() -> None:
    body, content_type = form({"file": ("image.png", DATA)})
    assert read(body.decode("latin-1"), content_type) == DATA
    error = refusal(body.decode(errors="replace"), content_type)
    assert isinstance(error, MalformedRequest)
    assert "arrived as text" in error.detail


@pytest.mark.parametrize(
    ("files", "data", "reason"),
    [
        ({"a": ("a.png", DATA), "b": ("b.png", DATA)}, None, "has 2 files"),
        ([("file", ("a.png", DATA))] * 3, None, "has 3 files"),
        ({"a": ("a.png", DATA)}, {"heatmap": "true"}, "/predict?heatmap=..."),
    ],
)
def test_malformed_forms(files: Any, data: Any, reason: str) -> None:
    error = refusal(*form(files, data))
    assert isinstance(error, MalformedRequest)
    assert reason in error.detail


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"image": (None, "iVBORw0KGgo=")}, "has no file, only the field image. Send the file itself: curl -F"),
        ({"url": (None, "x"), "note": (None, "y")}, "only the fields url and note"),
        ({"Jane Doe": (None, "x")}, "The form has no file. "),
        ({"file": ("image.png", b"")}, "is empty (0 bytes)"),
        ({"file": ("", b"", "application/octet-stream")}, "is empty (0 bytes)"),
    ],
)
def test_forms_without_an_image(files: Any, reason: str) -> None:
    error = refusal(*form(files))
    assert isinstance(error, MissingImage)
    assert reason in error.detail


def test_a_form_without_parts() -> None:
    error = refusal(b"--b--\r\n", "multipart/form-data; boundary=b")
    assert isinstance(error, MissingImage)
    assert "has no file." in error.detail


def test_a_file_above_the_limit() -> None:
    body, content_type = form({"file": ("image.png", bytes(1000))})
    assert len(read(body, content_type)) == 1000
    assert isinstance(refusal(body, content_type, 999), TooLarge)


@pytest.mark.parametrize("left_out", [10, 60, 120])
def test_a_form_that_was_truncated_in_transfer(left_out: int) -> None:
    body, content_type = form({"file": ("image.png", DATA)})
    error = refusal(body[:-left_out], content_type)
    assert isinstance(error, MalformedRequest)
    assert "truncated in transfer" in error.detail


def test_forms_that_cannot_be_read() -> None:
    body, content_type = form({"file": ("image.png", DATA)})
    assert "The form cannot be read" in refusal(body.replace(b"form-data", b"attachment"), content_type).detail
    assert "does not begin with a boundary" in refusal(DATA, content_type).detail
    many, content_type = form({f"f{number}": (None, "x") for number in range(65)})
    assert "The form cannot be read" in refusal(many, content_type).detail


@pytest.mark.parametrize("body", [DATA, b"{}", b"--", b"--\r\n", b"--b\r\nX: y\r\n\r\n", "--b\r\n", b"", b"-" * 5000])
def test_other_bodies_are_not_forms(body: str | bytes) -> None:
    assert not is_multipart(body, "image/png")


@pytest.mark.parametrize("body", ["image=iVBORw0KGgo%3D&x=1", b"image=" + b"iVBO" * 2000, b"image=x\n"])
def test_pairs_get_the_right_reason(body: str | bytes) -> None:
    with pytest.raises(MalformedRequest) as caught:
        refuse_pairs(body, f"{URLENCODED}; charset=utf-8")
    assert "a form without a file, only the field image. Send the file itself: curl -F file=@image.png" in str(
        caught.value
    )


def test_pairs_with_unusual_names_are_not_quoted() -> None:
    with pytest.raises(MalformedRequest) as caught:
        refuse_pairs(b"jane%20doe=1", URLENCODED)
    assert "jane" not in str(caught.value)


@pytest.mark.parametrize("body", [DATA, b"BM6=\0\0\0\0\0\0", b"\xff\xd8\xff\xe0", b"II*\0"])
def test_bytes_of_files_are_not_pairs(body: bytes) -> None:
    refuse_pairs(body, URLENCODED)  # the Content-Type that `curl --data-binary` sends
    refuse_pairs(b"image=x", "image/png")


@pytest.mark.parametrize("name", ["curl", "requests", "browser"])
def test_every_damaged_form_is_read_or_refused(load_event: LoadEvent, name: str) -> None:
    event, rng = load_event(f"function_url_form_{name}"), np.random.default_rng(17)
    sound, content_type = base64.b64decode(event["body"]), event["headers"]["content-type"]
    for _ in range(1000):
        body = bytearray(sound)
        for place in rng.integers(0, len(body), rng.integers(1, 6)):
            body[place] = rng.choice(list(b'\r\n-\0:;="\xff'))
        start, end = sorted(rng.integers(0, len(body), 2))
        for damaged in (bytes(body), bytes(body[:end]), bytes(body[start:]), bytes(body[:start] + body[end:])):
            with contextlib.suppress(MalformedRequest, MissingImage, TooLarge):
                assert isinstance(file_of(damaged, content_type, 1000, QUERY), bytes)
            is_multipart(damaged, "")
            with contextlib.suppress(MalformedRequest):
                refuse_pairs(damaged, URLENCODED)
