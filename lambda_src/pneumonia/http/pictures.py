"""POST /image: convert an image to PNG, for viewers that cannot read the file (browsers cannot read DICOM)."""

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
"""Images with more pixels are reduced before compression, because their PNG would rarely fit into a response and would
take a second to make. Most detectors have 4 to 10 million pixels."""

_MARGIN = 0.95
"""Extra reduction of each side. A reduced image compresses a little worse, because neighbouring pixels differ more."""

logger = Logger()
_heap = Heap()


def picture(request: Request) -> Response:
    """Return the first frame of the image in the body as a grey PNG in its original size and depth (8 or 16 bits).

    The PNG is upright, and bright where the X-ray is bright. Images that POST /predict refuses for their content are
    converted too. An image that does not fit into a response is reduced in size. Headers report the reduction and the
    sample values.
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
    """Return the PNG of an image (mode "L" or "I;16") and its width and height.

    The image is reduced if its PNG exceeds `most_bytes` or if it has more than MOST_PIXELS.
    """
    pixels = image.width * image.height
    if pixels > MOST_PIXELS:
        image = _reduced(image, math.sqrt(MOST_PIXELS / pixels))
    while True:
        stream = io.BytesIO()
        # Use run-length encoding only. After the PNG filters, searching for longer matches takes eight times as long
        # and saves nothing.
        image.save(stream, "PNG", compress_type=zlib.Z_RLE)
        if stream.tell() <= most_bytes:
            return stream.getvalue(), image.size
        image = _reduced(image, _MARGIN * math.sqrt(most_bytes / stream.tell()))


def _reduced(image: "Image.Image", share: float) -> "Image.Image":
    from PIL import Image  # already loaded by the decoder

    # BOX averages all pixels that are merged into one, so the remaining details keep their brightness.
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    return image.resize(size, Image.Resampling.BOX)
