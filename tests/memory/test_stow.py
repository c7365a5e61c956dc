"""Memory of POST /studies for bodies of the largest size or with the most parts."""

import gzip
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pneumonia.handlers import api
from pneumonia.uploads import direct
from pneumonia.uploads.direct import Put
from tests.conftest import RESULTS, UPLOADS, HttpEvent
from tests.dicom_out.films import dicom_film
from tests.unit.http.test_related import RELATED, B, body

pytestmark = pytest.mark.slow

MOST_MEGABYTES = 40
"""Limit for the body as text and as bytes, its parts and their content: three to four times 4.5 MB, with a margin."""


def full_size() -> bytes:
    noise = np.random.default_rng(0).integers(0, 4000, (1500, 1480), dtype=np.uint16)
    return body(dicom_film(pixels=noise))


def many_elements() -> bytes:
    """Return 64 files, each with nearly as many elements as allowed."""
    image = dicom_film()
    meta = image[: image.index(b"\x08\x00\x05\x00")]
    empty = b"".join(struct.pack("<HH2sH", 9, 0x1000 + number, b"LO", 0) for number in range(8_500))
    return body(*[meta + empty] * 64)


BODIES: dict[str, tuple[Callable[[], bytes], int]] = {
    "an instance as large as Lambda takes": (full_size, 200),
    "64 files of many elements": (many_elements, 409),
    "1,000 tiny parts": (lambda: body(*[b"x"] * 1000), 413),
    "a million folded headers": (lambda: f"--{B}\r\nA: b\r\n".encode() + b" c\r\n" * 1_000_000, 413),
    "near misses of the boundary": (lambda: f"--{B}\r\n\r\n".encode() + f"\r\n--{B[:-1]}".encode() * 270_000, 400),
    "line breaks alone": (lambda: b"\r\n" * 2_200_000, 400),
}


@pytest.mark.usefixtures("tiny_service")
@pytest.mark.parametrize("name", [*BODIES, "400 MB in gzip"])
def test_memory(http_event: HttpEvent, lambda_context: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable, value in (("AUTH_MODE", "none"), ("UPLOADS_BUCKET", UPLOADS), ("RESULTS_BUCKET", RESULTS)):
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(direct, "put_upload", lambda *_arguments: Put.STORED)
    headers = {}
    if name in BODIES:
        make, status = BODIES[name]
        data = make()
    else:
        data, status, headers = gzip.compress(bytes(400_000_000)), 413, {"content-encoding": "gzip"}
    event = http_event("POST", "/studies", body=data, content_type=RELATED, headers=headers)
    # The first call loads modules, which must not count for the measured body.
    api.handler(http_event("POST", "/studies", body=body(dicom_film()), content_type=RELATED), lambda_context)
    tracemalloc.start()
    try:
        answer = api.handler(event, lambda_context)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert answer["statusCode"] == status
    assert peak < MOST_MEGABYTES
