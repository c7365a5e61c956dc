"""POST /image: the picture in an image file, for viewers that cannot read the file, such as browsers and DICOM."""

import io
import math
import zlib
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from pneumonia.decode.heap import Heap
from pneumonia.decode.isolated import decode_in_time
from pneumonia.http.predictions import bytes_of, source_of
from pneumonia.http.requests import Request
from pneumonia.http.responses import PRIVATE, Response
from pneumonia.http.service import MAX_DIRECT_BYTES
from pneumonia.settings import process_settings

if TYPE_CHECKING:
    from PIL import Image

MOST_PIXELS = 25_000_000
"""More are reduced before they are compressed: their PNG would hardly fit, and takes a second to make. Most detectors
have 4 to 10 million."""

_MARGIN = 0.95
"""A reduced picture compresses a little worse: its pixels are less alike."""

logger = Logger()
_heap = Heap()


def picture(request: Request) -> Response:
    """The first picture of the image in the body as a grey PNG in its own size and depth (8 or 16 bits), upright,
    bright where the film is, whatever it shows: also what a prediction refuses.

    What would not fit into a response is reduced in size. Headers say so, and what the samples are.
    """
    try:
        return _picture(request)
    finally:
        _heap.give_back()


def _picture(request: Request) -> Response:
    data = bytes_of(source_of(request))
    image = decode_in_time(data, process_settings().limits, own_depth=True)
    png, (width, height) = fitting_png(image.pixels, MAX_DIRECT_BYTES)
    reduced = (width, height) != (image.width, image.height)
    logger.info("shown", image_format=image.format, png_bytes=len(png), reduced=reduced)
    headers = {
        **PRIVATE,
        "X-Image-Size": f"{image.width}x{image.height}",
        "X-Image-Reduced": f"{width}x{height}" if reduced else "no",
        "X-Image-Bits": str(image.depth.bits),
        "X-Image-Window": f"{image.depth.black} {image.depth.white}",
    }
    return Response(200, "image/png", png, headers)


def fitting_png(image: "Image.Image", most_bytes: int) -> tuple[bytes, tuple[int, int]]:
    """The PNG of a picture (mode "L" or "I;16") and its width and height: those of the picture, unless that takes more
    than `most_bytes`, or has more than MOST_PIXELS."""
    pixels = image.width * image.height
    if pixels > MOST_PIXELS:
        image = _reduced(image, math.sqrt(MOST_PIXELS / pixels))
    while True:
        stream = io.BytesIO()
        # By runs alone: after the filters of PNG, matches farther back make a film no smaller and take eight times as
        # long.
        image.save(stream, "PNG", compress_type=zlib.Z_RLE)
        if stream.tell() <= most_bytes:
            return stream.getvalue(), image.size
        image = _reduced(image, _MARGIN * math.sqrt(most_bytes / stream.tell()))


def _reduced(image: "Image.Image", share: float) -> "Image.Image":
    from PIL import Image  # loaded by then: it has decoded this picture

    # By the average of all pixels that become one: no detail that is left is shown brighter or darker than it was.
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    return image.resize(size, Image.Resampling.BOX)
