"""Bytes of unknown origin to one upright grey 8-bit image, within limits, or a clear refusal."""

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from pneumonia.errors import MissingImage, TooLarge, UndecodableImage, UnsupportedFormat


@dataclass(frozen=True)
class Format:
    """An image format that is accepted: recognised by its first bytes, decoded by one Pillow plugin."""

    name: str
    magic: bytes
    plugin: str


FORMATS = (
    Format("JPEG", b"\xff\xd8\xff", "JPEG"),
    Format("PNG", b"\x89PNG\r\n\x1a\n", "PNG"),
)


@dataclass(frozen=True)
class Limits:
    """Most bytes of a file, and most pixels (width x height, before any is decoded)."""

    max_bytes: int
    max_pixels: int


@dataclass(frozen=True)
class DecodedImage:
    """`pixels` is upright, mode "L"; `width` and `height` are those of `pixels`; `format` as in FORMATS."""

    pixels: Image.Image
    format: str
    width: int
    height: int


def decode(data: bytes, limits: Limits) -> DecodedImage:
    """Decode an image by its content; file names and Content-Type are never looked at.

    - EXIF orientation is applied; an unreadable EXIF block counts as none.
    - Transparent parts are laid over black, the background of a radiograph.
    - 16-bit grey is scaled from its real range (darkest to brightest pixel) to 0..255: detectors use 10 to
      14 of the 16 bits, so a division by 256 would leave the film almost black. 16-bit colour keeps its high
      bytes.
    - Colour becomes luma (ITU-R 601-2). Of an animation the first frame is taken.

    Raises MissingImage (no bytes), TooLarge (bytes or pixels over the limits), UnsupportedFormat,
    UndecodableImage (truncated or damaged).
    """
    if not data:
        raise MissingImage("The image is empty (0 bytes). Send the bytes of a JPEG or PNG file.")
    if len(data) > limits.max_bytes:
        raise TooLarge(f"The image has {len(data)} bytes, the limit is {limits.max_bytes}. Send a smaller file.")
    kind = sniff(data)
    try:
        with warnings.catch_warnings():
            # Warnings about odd metadata are of no use to anyone here, except the one that is a guard.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            pixels = _to_grey(data, kind, limits.max_pixels)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise TooLarge(f"The image has more pixels than the limit of {limits.max_pixels}.") from error
    except (TooLarge, MemoryError):
        raise
    except Exception as error:
        # Pillow's plugins raise almost anything on damaged input (OSError, SyntaxError, struct.error,
        # zlib.error, ...); whatever it is, the bytes are to blame.
        raise UndecodableImage(
            f"The bytes start like a {kind.name} but cannot be decoded: the file is truncated or damaged."
        ) from error
    return DecodedImage(pixels, kind.name, pixels.width, pixels.height)


def sniff(data: bytes) -> Format:
    """The format of the bytes by their first ones. Raises UnsupportedFormat."""
    for kind in FORMATS:
        if data.startswith(kind.magic):
            return kind
    names = " or ".join(kind.name for kind in FORMATS)
    raise UnsupportedFormat(f"The content is not a {names} image. Convert the image to one of these.")


def _to_grey(data: bytes, kind: Format, max_pixels: int) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=[kind.plugin]) as image:
        # Only the header has been read: this is the moment to refuse.
        if image.width * image.height > max_pixels:
            raise TooLarge(
                f"The image has {image.width} x {image.height} pixels, the limit is {max_pixels} in all. "
                "Send a smaller image."
            )
        image.load()
        return _flatten(_upright(image))


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return image


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _scale_real_range(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        black = Image.new("RGBA", layer.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, layer).convert("L")
    return image.convert("L")


def _scale_real_range(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if high == low:
        return Image.new("L", image.size, 0)  # one grey everywhere has no range, and nothing to see
    return Image.fromarray(np.rint((values - low) * (255.0 / (high - low))).astype(np.uint8))
