import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pneumonia.decode import isolated
from pneumonia.http import pictures
from pneumonia.http.pictures import MOST_PIXELS, fitting_png
from pneumonia.http.service import MAX_DIRECT_BYTES
from tests.conftest import ImageBytes
from tests.unit.decode.conftest import dataset_of, encoded, film12
from tests.unit.http.conftest import Ask

DICOM = "application/dicom"


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    isolated.process_decoder().close()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=["PNG"])


def test_a_dicom_file_keeps_its_depth(ask: Ask) -> None:
    reply = ask("POST", "/image", body=encoded(dataset_of(film12())), content_type=DICOM)
    assert (reply.status, reply.headers["content-type"]) == (200, "image/png")
    assert reply.headers["cache-control"] == "no-store"
    assert (reply.headers["x-image-size"], reply.headers["x-image-reduced"]) == ("80x96", "no")
    assert reply.headers["x-image-bits"] == "12"
    black, white = map(int, reply.headers["x-image-window"].split())
    assert 0 < black < white < 65536
    assert np.array_equal(np.asarray(opened(reply.data)) >> 4, film12())


def test_eight_bits(ask: Ask, image_bytes: ImageBytes) -> None:
    reply = ask("POST", "/image", body=image_bytes(grey=77))
    assert (reply.headers["x-image-bits"], reply.headers["x-image-window"]) == ("8", "0 255")
    image = opened(reply.data)
    assert (image.mode, image.size) == ("L", (96, 72))


def test_json_and_urls_are_accepted_as_for_predictions(ask: Ask, image_bytes: ImageBytes) -> None:
    reply = ask("POST", "/image", body=json.dumps({"url": "https://x.example/a.png"}), content_type="application/json")
    assert (reply.status, reply.body["code"]) == (400, "url_not_allowed")


@pytest.mark.parametrize(
    ("elements", "code"),
    [({"Modality": "CT"}, "not_a_radiograph"), ({"PresentationIntentType": "FOR PROCESSING"}, "for_processing")],
)
def test_images_that_a_prediction_refuses_are_shown(ask: Ask, elements: dict[str, Any], code: str) -> None:
    body = encoded(dataset_of(film12(), **elements))
    assert ask("POST", "/predict", body=body, content_type=DICOM).body["code"] == code
    assert ask("POST", "/image", body=body, content_type=DICOM).status == 200


def test_blank_and_small_images_are_shown(ask: Ask, image_bytes: ImageBytes) -> None:
    assert ask("POST", "/image", body=image_bytes(image=Image.new("L", (20, 20), 9))).status == 200


@pytest.mark.parametrize(("body", "code"), [(b"", "missing_image"), (b"no image \0\r\n", "unsupported_format")])
def test_undecodable_files_are_refused(ask: Ask, body: bytes, code: str) -> None:
    assert ask("POST", "/image", body=body).body["code"] == code


def test_it_is_decoded_in_a_separate_process(
    ask: Ask, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    class Watched(isolated.Decoder):
        def decode(self, *args: Any, **kwargs: Any) -> Any:
            asked.append(kwargs["own_depth"])
            return super().decode(*args, **kwargs)

    watched = Watched()
    monkeypatch.setattr(isolated, "process_decoder", lambda: watched)
    try:
        assert ask("POST", "/image", body=image_bytes()).status == 200  # predictions decode a plain PNG in this process
    finally:
        watched.close()
    assert asked == [True]


def test_a_png_that_does_not_fit_is_reduced_and_the_headers_say_so(
    ask: Ask, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MAX_DIRECT_BYTES", 10_000)
    noise = Image.effect_noise((300, 200), 90)
    reply = ask("POST", "/image", body=image_bytes(image=noise))
    image = opened(reply.data)
    assert reply.headers["x-image-size"] == "300x200"
    assert reply.headers["x-image-reduced"] == f"{image.width}x{image.height}"
    assert len(reply.data) <= 10_000
    assert image.width / image.height == pytest.approx(1.5, abs=0.02)
    assert image.width > 80


def test_the_largest_png_fits_into_a_response() -> None:
    assert MAX_DIRECT_BYTES * 4 / 3 + 65_536 < 6_291_556


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_huge_images_are_reduced_before_compression(mode: str) -> None:
    image = Image.new(mode, (6000, 5000), 200)
    png, size = fitting_png(image, MAX_DIRECT_BYTES)
    assert size[0] * size[1] <= MOST_PIXELS * 1.001
    found = opened(png)
    assert (found.mode, found.size, found.getextrema()) == (mode, size, (200, 200))
