"""The messages between `isolated` and `child`, the decoder process that it starts.

A message has two parts of any length, JSON and bytes, preceded by their sizes. The child receives the limits and the
file. It sends READY before it decodes, then the fields and pixels of the DecodedImage, or an error. If decoding
crashes, the child exits with the status DIED or DIED_OF_MEMORY.
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
"""The errors that `decode` can raise, by code."""


def read_message(read: Callable[[int], Buffer]) -> tuple[Any, Buffer]:
    """Return the two parts of a message. `read(n)` must return n bytes. Raises EOFError at the end of the stream."""
    header = read(_SIZES.size)
    if not header:
        raise EOFError
    sizes = _SIZES.unpack(header)
    return json.loads(read(sizes[0])), read(sizes[1])


def of_file(data: bytes, limits: Limits, enough: int | None, own_depth: bool = False) -> Iterable[bytes]:
    """Return the message with a file to decode: the limits by name, `enough` and `own_depth` as in `decode`, and the
    file."""
    return *_head({"limits": asdict(limits), "enough": enough, "own_depth": own_depth}, len(data)), data


def of_image(image: DecodedImage) -> Iterable[bytes]:
    """Yield the message with an image: its fields by name, with mode and size for `pixels`, then the pixels."""
    dicom = asdict(image.dicom) if image.dicom else None
    width, height = image.pixels.size
    row_bytes = width * _SAMPLE_BYTES[image.pixels.mode]
    pixels = {"mode": image.pixels.mode, "size": image.pixels.size}
    yield from _head(
        vars(image) | {"pixels": pixels, "dicom": dicom, "depth": image.depth._asdict()}, row_bytes * height
    )
    # In strips, because a copy of the whole image would double its memory.
    rows = max(1, _STRIP_BYTES // max(1, row_bytes))
    for top in range(0, height, rows):
        yield image.pixels.crop((0, top, width, min(height, top + rows))).tobytes()


def of_error(error: PneumoniaError) -> Iterable[bytes]:
    """Return the message with the reason why there is no image."""
    return _head({"error": error.code, "detail": error.detail}, 0)


def image_in(fields: dict[str, Any], pixels: Buffer) -> DecodedImage:
    """Return the image in a message. Raises the error if the message contains one instead."""
    if "error" in fields:
        raise _ERRORS[fields["error"]](fields["detail"])
    if dicom := fields["dicom"]:
        window = dicom["window"]
        fields["dicom"] = DicomFacts(**dicom | {"window": Window(**window) if window else None})
    # frombuffer uses the bytes that were read, without a copy.
    mode, size = fields["pixels"]["mode"], tuple(fields["pixels"]["size"])
    fields["pixels"] = Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1)
    fields["depth"] = Depth(**fields["depth"])
    return DecodedImage(**fields | {"warnings": tuple(fields["warnings"])})


def _head(fields: dict[str, Any], content_bytes: int) -> tuple[bytes, bytes]:
    """Return the beginning of a message, before its second part of `content_bytes` bytes."""
    encoded = json.dumps(fields).encode()
    return _SIZES.pack(len(encoded), content_bytes), encoded
