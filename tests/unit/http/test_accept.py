import pytest

from pneumonia.errors import NotAcceptable
from pneumonia.http.accept import chosen

JSON, PLAIN, XML = OFFERED = ("application/dicom+json", "application/json", "application/dicom+xml")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/dicom+json", JSON),
        ("Application/DICOM+JSON; charset=utf-8", JSON),
        ("application/json", PLAIN),
        ("application/dicom+xml", XML),
        ("application/dicom+xml, application/dicom+json", JSON),
        ("application/dicom+xml, application/dicom+json;q=0.5", XML),
        ("application/dicom+json;q=0, */*", PLAIN),
        ("*/*;q=0.1, application/dicom+xml", XML),
        ("text/html, ;;;, application/dicom+xml", XML),
    ],
)
def test_the_preferred_type_is_chosen(accept: str, expected: str) -> None:
    assert chosen(accept, OFFERED) == expected


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "image/*",
        "application/dicom",
        'multipart/related; type="application/dicom+xml"',
        "*/*;q=0",
        "*/*;q=nan",
        "*/*;q=2",
        "application/dicom+json;q=x",
        "," * 1000 + "*/*",
    ],
)
def test_nothing_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptable, match=r"application/dicom\+json"):
        chosen(accept, OFFERED)
