"""What `isolated` and the process that it starts, `child`, write to each other.

A message has two parts of any length, JSON and bytes, with their sizes before them. To the child: the limits and the
file. Back: READY before it begins, then the fields of the DecodedImage and its pixels, or an error. Or
it ends, with the status DIED or DIED_OF_MEMORY.
"""

import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from PIL import Image

from pneumonia.decode.image import DecodedImage, Depth, DicomFacts, Window
from pneumonia.decode.limits import Limits
from pneumonia.errors import (
    ForProcessing,
    MissingImage,
    MultiFrame,
    NotARadiograph,
    PneumoniaError,
    TookTooLong,
    TooLarge,
    UndecodableImage,
    UnsupportedFormat,
)

Buffer = bytes | bytearray

READY = b"R"
DIED, DIED_OF_MEMORY = 1, 3
_SIZES = struct.Struct(">QQ")
_STRIP_BYTES = 2**20
_SAMPLE_BYTES = {"L": 1, "I;16": 2}
_ERRORS = {
    error.code: error
    for error in (
        ForProcessing,
        MissingImage,
        TooLarge,
        UnsupportedFormat,
        UndecodableImage,
        TookTooLong,
        MultiFrame,
        NotARadiograph,
    )
}
"""What `decode` can raise."""


def read_message(read: Callable[[int], Buffer]) -> tuple[Any, Buffer]:
    """The two parts of a message. `read` returns so many bytes. Raises EOFError where a stream has ended."""
    header = read(_SIZES.size)
    if not header:
        raise EOFError
    sizes = _SIZES.unpack(header)
    return json.loads(read(sizes[0])), read(sizes[1])


def of_file(data: bytes, limits: Limits, enough: int | None, own_depth: bool = False) -> Iterable[bytes]:
    """The message with a file to decode: the limits by their names, `enough` and `own_depth` as `decode` takes them,
    and the file."""
    return *_head({"limits": asdict(limits), "enough": enough, "own_depth": own_depth}, len(data)), data


def of_image(image: DecodedImage) -> Iterable[bytes]:
    """The message with an image: its fields by their names, the pixels as their size, and the pixels."""
    dicom = asdict(image.dicom) if image.dicom else None
    width, height = image.pixels.size
    row_bytes = width * _SAMPLE_BYTES[image.pixels.mode]
    pixels = {"mode": image.pixels.mode, "size": image.pixels.size}
    yield from _head(vars(image) | {"pixels": pixels, "dicom": dicom, "depth": asdict(image.depth)}, row_bytes * height)
    # In strips: all of it at once would be the image a second time.
    rows = max(1, _STRIP_BYTES // max(1, row_bytes))
    for top in range(0, height, rows):
        yield image.pixels.crop((0, top, width, min(height, top + rows))).tobytes()


def of_error(error: PneumoniaError) -> Iterable[bytes]:
    """The message with the reason for which there is no image."""
    return _head({"error": error.code, "detail": error.detail}, 0)


def image_in(fields: dict[str, Any], pixels: Buffer) -> DecodedImage:
    """The image in a message. Raises the error that is in its place."""
    if "error" in fields:
        raise _ERRORS[fields["error"]](fields["detail"])
    if dicom := fields["dicom"]:
        window = dicom["window"]
        fields["dicom"] = DicomFacts(**dicom | {"window": Window(**window) if window else None})
    # On the very bytes that were read, not on a copy of them.
    mode, size = fields["pixels"]["mode"], tuple(fields["pixels"]["size"])
    fields["pixels"] = Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)
    fields["depth"] = Depth(**fields["depth"])
    return DecodedImage(**fields | {"warnings": tuple(fields["warnings"])})


def _head(fields: dict[str, Any], content_bytes: int) -> tuple[bytes, bytes]:
    """A message up to its second part, which has so many bytes."""
    encoded = json.dumps(fields).encode()
    return _SIZES.pack(len(encoded), content_bytes), encoded
