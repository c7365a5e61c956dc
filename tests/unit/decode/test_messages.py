import io
from dataclasses import replace

import pytest
from PIL import Image

from pneumonia.decode.image import DecodedImage, DicomFacts, Window
from pneumonia.decode.limits import Limits
from pneumonia.decode.messages import image_in, of_error, of_file, of_image, read_message
from pneumonia.errors import MultiFrame

PLAIN = DecodedImage(Image.linear_gradient("L").resize((3, 5)), "TIFF", 30, 50)
FACTS = DicomFacts("MONOCHROME1", 12, Window(2000.5, 4096.0, "SIGMOID"), "1.2.3", None)
FULL = DecodedImage(PLAIN.pixels, "DICOM", 30, 50, True, FACTS, ("modality_unknown", "burned_in_annotation"))


@pytest.mark.parametrize("image", [PLAIN, FULL, replace(FULL, dicom=replace(FACTS, window=None))])
def test_an_image_comes_through(image: DecodedImage) -> None:
    found = image_in(*read_message(io.BytesIO(b"".join(of_image(image))).read))
    assert replace(found, pixels=image.pixels) == image
    assert found.pixels.tobytes() == image.pixels.tobytes()


def test_a_file_and_its_limits_come_through() -> None:
    limits = Limits(1, 2, max_frames=3, decode_seconds=4.5)
    fields, data = read_message(io.BytesIO(b"".join(of_file(b"image", limits, 512))).read)
    assert (Limits(**fields["limits"]), fields["enough"], data) == (limits, 512, b"image")


def test_an_image_larger_than_a_strip_comes_through() -> None:
    image = replace(PLAIN, pixels=Image.effect_noise((1500, 1700), 90))
    parts = list(of_image(image))
    assert len(parts) == 2 + 3
    assert image_in(*read_message(io.BytesIO(b"".join(parts)).read)).pixels.tobytes() == image.pixels.tobytes()


def test_an_error_is_raised() -> None:
    message = b"".join(of_error(MultiFrame("Two of them.")))
    with pytest.raises(MultiFrame, match="Two of them"):
        image_in(*read_message(io.BytesIO(message).read))


def test_a_stream_that_has_ended_holds_no_message() -> None:
    with pytest.raises(EOFError):
        read_message(io.BytesIO().read)
