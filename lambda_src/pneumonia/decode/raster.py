"""Picture formats through Pillow: one upright grey image."""

import warnings

import numpy as np
from PIL import Image, ImageOps

from pneumonia.decode.formats import Format
from pneumonia.decode.image import DecodedImage, scale_to_grey
from pneumonia.decode.limits import Limits
from pneumonia.decode.timed_file import TimedFile
from pneumonia.errors import MultiFrame, TookTooLong, TooLarge, UndecodableImage
from pneumonia.model.preprocess import reduce_while_decoding

BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "LA": 4, "RGB": 4, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Of Pillow's modes in memory; 4 for every other one."""

SCANS_OF_A_SOUND_JPEG = 20
"""More than any encoder writes (libjpeg's own progressive script has ten). A file of thousands, ten bytes each, makes
the decoder walk all blocks of the picture for every one of them."""
SMALL_BLOCK = 64
"""Bytes that a JPEG of too many scans is read by: the decoder looks at the clock in between (64 KiB otherwise)."""

ORIENTATION, SIDEWAYS = 0x0112, frozenset({5, 6, 7, 8})
"""The EXIF tag, and those of its values by which width and height change places."""
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
"""The tag of a TIFF that says what its values mean, and the value for a negative (TIFF 6.0, section 8)."""


def decode_raster(data: bytes, kind: Format, limits: Limits, enough: int | None = None) -> DecodedImage:
    """Decode by one Pillow plugin; a JPEG at reduced size, but not below `enough` pixels on either side.

    - EXIF orientation is applied; an unreadable EXIF block counts as none.
    - Transparent parts are laid over black, the background of a radiograph.
    - 16-bit and floating point grey is scaled from its real range (darkest to brightest pixel) to 0..255: detectors
      use 10 to 14 of the 16 bits, so a division by 256 would leave the film almost black. 16-bit colour keeps its
      high bytes.
    - A TIFF whose lowest value is white is turned.
    - Colour becomes luma (ITU-R 601-2).

    Raises TooLarge, TookTooLong, MultiFrame, UndecodableImage (truncated or damaged).
    """
    try:
        with warnings.catch_warnings():
            # Warnings about odd metadata are of no use to anyone here, except the one that is a guard.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _decoded(data, kind, limits, enough)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise TooLarge(f"The image has more pixels than the limit of {limits.max_image_pixels}.") from error
    except (TooLarge, TookTooLong, MultiFrame, MemoryError):
        raise
    except Exception as error:
        # Pillow's plugins raise almost anything on damaged input (OSError, SyntaxError, struct.error,
        # zlib.error, ...); whatever it is, the bytes are to blame.
        raise UndecodableImage(
            f"The bytes start like a {kind.name} but cannot be decoded: the file is truncated or damaged."
        ) from error


def _decoded(data: bytes, kind: Format, limits: Limits, enough: int | None) -> DecodedImage:
    with Image.open(TimedFile(data, limits.decode_seconds), formats=[kind.plugin or ""]) as image:
        # Only the header has been read: this is the moment to refuse.
        width, height = image.size
        count = image.width * image.height
        if count > limits.max_image_pixels:
            raise TooLarge(
                f"The image has {image.width} x {image.height} pixels, the limit is {limits.max_image_pixels} in all. "
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
            # The luma of a JPEG is stored by itself: no colour is unpacked, only to be thrown away.
            reduce_while_decoding(image, enough or max(image.size))
            if data.count(b"\xff\xda") > SCANS_OF_A_SOUND_JPEG:
                image.decodermaxblock = SMALL_BLOCK
        image.load()
        negative = _white_is_zero(image)
        upright, sideways = _upright(image)
        grey = _flatten(upright)
    return DecodedImage(
        ImageOps.invert(grey) if negative else grey,
        kind.name,
        height if sideways else width,
        width if sideways else height,
        negative,
        warnings=("first_of_several_frames",) if frames > 1 else (),
    )


def _white_is_zero(image: Image.Image) -> bool:
    """True for a deep TIFF whose lowest value is white: Pillow turns those of 8 bits and fewer itself."""
    tags = getattr(image, "tag_v2", {})
    return (image.mode.startswith("I") or image.mode == "F") and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO


def _upright(image: Image.Image) -> tuple[Image.Image, bool]:
    """The image as its EXIF block says it is to be seen, and whether its width and height have changed places."""
    try:
        return ImageOps.exif_transpose(image), image.getexif().get(ORIENTATION) in SIDEWAYS
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return image, False


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0.0, neginf=0.0)
        return Image.fromarray(scale_to_grey(values, float(values.min()), float(values.max())))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        black = Image.new("RGBA", layer.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, layer).convert("L")
    return image.convert("L")
