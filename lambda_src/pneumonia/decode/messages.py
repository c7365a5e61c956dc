"""What `isolated` and the process that it starts, `child`, write to each other.

A message has two parts of any length, JSON and bytes, with their sizes before them. To the child: the limits and the
file. Back: READY before it begins, then the fields of the DecodedImage and its pixels, or an error.
"""

import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from PIL import Image

from pneumonia.decode.image import DecodedImage, DicomFacts, Window
from pneumonia.decode.limits import Limits
from pneumonia.errors import (
    MissingImage,
    MultiFrame,
    NotARadiograph,
    PneumoniaError,
    TookTooLong,
    TooLarge,
    UndecodableImage,
    UnsupportedFormat,
)

READY = b"R"
_SIZES = struct.Struct(">QQ")
_ERRORS = {
    error.code: error
    for error in (MissingImage, TooLarge, UnsupportedFormat, UndecodableImage, TookTooLong, MultiFrame, NotARadiograph)
}
"""What `decode` can raise."""


def read_message(read: Callable[[int], bytes]) -> tuple[Any, bytes]:
    """The two parts of a message. `read` returns so many bytes. Raises EOFError where a stream has ended."""
    header = read(_SIZES.size)
    if not header:
        raise EOFError
    sizes = _SIZES.unpack(header)
    return json.loads(read(sizes[0])), read(sizes[1])


def of_file(data: bytes, limits: Limits) -> Iterable[bytes]:
    """The message with a file to decode: `Limits` by their names, and the file."""
    return _message(asdict(limits), data)


def of_image(image: DecodedImage) -> Iterable[bytes]:
    """The message with an image: its fields by their names, the pixels as their size, and the pixels."""
    dicom = asdict(image.dicom) if image.dicom else None
    return _message(vars(image) | {"pixels": image.pixels.size, "dicom": dicom}, image.pixels.tobytes())


def of_error(error: PneumoniaError) -> Iterable[bytes]:
    """The message with the reason for which there is no image."""
    return _message({"error": error.code, "detail": error.detail}, b"")


def image_in(fields: dict[str, Any], pixels: bytes) -> DecodedImage:
    """The image in a message. Raises the error that is in its place."""
    if "error" in fields:
        raise _ERRORS[fields["error"]](fields["detail"])
    if dicom := fields["dicom"]:
        window = dicom["window"]
        fields["dicom"] = DicomFacts(**dicom | {"window": Window(**window) if window else None})
    fields["pixels"] = Image.frombytes("L", tuple(fields["pixels"]), pixels)
    return DecodedImage(**fields | {"warnings": tuple(fields["warnings"])})


def _message(fields: dict[str, Any], content: bytes) -> Iterable[bytes]:
    encoded = json.dumps(fields).encode()
    return _SIZES.pack(len(encoded), len(content)), encoded, content
