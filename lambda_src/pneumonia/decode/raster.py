"""Picture formats through Pillow: one upright grey image."""

import io
import warnings

import numpy as np
from PIL import Image, ImageOps

from pneumonia.decode.formats import Format
from pneumonia.decode.image import DecodedImage, scale_to_grey
from pneumonia.decode.limits import Limits
from pneumonia.errors import MultiFrame, TooLarge, UndecodableImage

BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "LA": 4, "RGB": 4, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Of Pillow's modes in memory; 4 for every other one."""


PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
"""The tag of a TIFF that says what its values mean, and the value for a negative (TIFF 6.0, section 8)."""


def decode_raster(data: bytes, kind: Format, limits: Limits) -> DecodedImage:
    """Decode by one Pillow plugin.

    - EXIF orientation is applied; an unreadable EXIF block counts as none.
    - Transparent parts are laid over black, the background of a radiograph.
    - 16-bit and floating point grey is scaled from its real range (darkest to brightest pixel) to 0..255: detectors
      use 10 to 14 of the 16 bits, so a division by 256 would leave the film almost black. 16-bit colour keeps its
      high bytes.
    - A TIFF whose lowest value is white is turned.
    - Colour becomes luma (ITU-R 601-2).

    Raises TooLarge, MultiFrame, UndecodableImage (truncated or damaged).
    """
    try:
        with warnings.catch_warnings():
            # Warnings about odd metadata are of no use to anyone here, except the one that is a guard.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            pixels, frames, inverted = _to_grey(data, kind, limits)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise TooLarge(f"The image has more pixels than the limit of {limits.max_pixels}.") from error
    except (TooLarge, MultiFrame, MemoryError):
        raise
    except Exception as error:
        # Pillow's plugins raise almost anything on damaged input (OSError, SyntaxError, struct.error,
        # zlib.error, ...); whatever it is, the bytes are to blame.
        raise UndecodableImage(
            f"The bytes start like a {kind.name} but cannot be decoded: the file is truncated or damaged."
        ) from error
    return DecodedImage(
        pixels,
        kind.name,
        pixels.width,
        pixels.height,
        inverted,
        warnings=("first_of_several_frames",) if frames > 1 else (),
    )


def _to_grey(data: bytes, kind: Format, limits: Limits) -> tuple[Image.Image, int, bool]:
    with Image.open(io.BytesIO(data), formats=[kind.plugin or ""]) as image:
        # Only the header has been read: this is the moment to refuse.
        count = image.width * image.height
        if count > limits.max_pixels:
            raise TooLarge(
                f"The image has {image.width} x {image.height} pixels, the limit is {limits.max_pixels} in all. "
                "Send a smaller image."
            )
        if count * BYTES_PER_PIXEL.get(image.mode, 4) > limits.max_decoded_bytes:
            raise TooLarge(f"The image takes more than {limits.max_decoded_bytes} bytes unpacked. Send it as grey.")
        frames = int(getattr(image, "n_frames", 1))
        if frames > limits.max_frames:
            raise MultiFrame(
                f"The file holds {frames} frames or pages, at most {limits.max_frames} may be in it. "
                "Send each film as a file of its own."
            )
        image.seek(0)
        if kind.plugin == "JPEG":
            # The luma of a JPEG is stored by itself: no colour is unpacked, only to be thrown away. At full size: a
            # reduced one would be faster still, but moves the probability of soft films by up to 0.02.
            image.draft("L", image.size)
        image.load()
        negative = _white_is_zero(image)
        grey = _flatten(_upright(image))
        return ImageOps.invert(grey) if negative else grey, frames, negative


def _white_is_zero(image: Image.Image) -> bool:
    """True for a deep TIFF whose lowest value is white: Pillow turns those of 8 bits and fewer itself."""
    tags = getattr(image, "tag_v2", {})
    return (image.mode.startswith("I") or image.mode == "F") and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return image


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0.0, neginf=0.0)
        return Image.fromarray(scale_to_grey(values, float(values.min()), float(values.max())))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        black = Image.new("RGBA", layer.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, layer).convert("L")
    return image.convert("L")
