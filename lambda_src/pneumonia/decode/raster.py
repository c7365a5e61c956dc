"""Decode the formats other than DICOM with Pillow, into one upright grey image."""

import warnings
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops
from PIL.ImageFile import ImageFile

from pneumonia.decode import deep_colour, tiff
from pneumonia.decode.damage import why_undecodable
from pneumonia.decode.formats import Format
from pneumonia.decode.grey_range import film_range, scale_to_grey
from pneumonia.decode.image import EIGHT_BITS, DecodedImage, Depth
from pneumonia.decode.limits import Limits
from pneumonia.decode.own_depth import to_samples
from pneumonia.decode.timed_file import TimedFile
from pneumonia.errors import MultiFrame, TookTooLong, TooLarge, UndecodableImage
from pneumonia.model.preprocess import reduce_while_decoding

Values = Image.Image | NDArray[Any]
"""A grey image of 8 bits, or the values of an image with more bits."""

BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "LA": 4, "RGB": 4, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Bytes of one pixel in memory, by Pillow's mode; 4 for every other mode."""

PLUGINS = {"JPEG": "PIL.JpegImagePlugin", "PNG": "PIL.PngImagePlugin"}
"""The modules of the plugins for the two most common formats."""

SCANS_OF_A_SOUND_JPEG = 20
"""More scans than any encoder writes (libjpeg's own progressive script has ten). A file can contain thousands of scans
of ten bytes each, and the decoder visits all blocks of the image for each of them."""
SMALL_BLOCK = 64
"""Bytes per read for a JPEG with too many scans, so that the time limit is checked often (64 KiB otherwise)."""

ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that turns an image upright, by EXIF orientation. From 5 on, width and height are swapped."""


def decode_raster(
    data: bytes, kind: Format, limits: Limits, enough: int | None = None, *, own_depth: bool = False
) -> DecodedImage:
    """Decode with one Pillow plugin. A JPEG is decoded at reduced size, but not below `enough` pixels on either side.

    - EXIF orientation is applied; an unreadable EXIF block is ignored.
    - Transparent parts become black, the background of a radiograph.
    - Values of more than 8 bits are scaled from the range of the image to 0..255 (`grey_range`). Detectors use 10 to 14
      of the 16 bits, so a division by 256 would make the image almost black.
    - With `own_depth` these values are kept, and the first of several pages is read.
    - A TIFF whose lowest value is white is inverted. Its pages of reduced resolution are ignored.
    - For a JPEG, the main image is read, and the previews and gain maps after it are ignored.
    - Colour becomes luma (ITU-R 601-2).

    Raises TooLarge, TookTooLong, MultiFrame, UndecodableImage (see `damage`).
    """
    try:
        with warnings.catch_warnings():
            # Ignore warnings about odd metadata, but not the warning that guards against decompression bombs.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _decoded(data, kind, limits, enough, own_depth)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise TooLarge(
            f"The image has more pixels than the limit of {limits.max_image_pixels}. Send a smaller image."
        ) from error
    except (TooLarge, TookTooLong, MultiFrame, MemoryError):
        raise
    except Exception as error:
        # Pillow's plugins raise almost anything on damaged input (OSError, SyntaxError, struct.error,
        # zlib.error, ...). In each case the file is at fault.
        raise UndecodableImage(why_undecodable(data, kind)) from error


def _decoded(data: bytes, kind: Format, limits: Limits, enough: int | None, own_depth: bool) -> DecodedImage:
    with _opened(data, kind, limits) as image:
        pages = _pages(image, kind)
        if len(pages) > limits.max_frames and not own_depth:
            raise MultiFrame(
                f"The file contains {len(pages)} frames or pages, but the limit is {limits.max_frames}. "
                "Send each image as a separate file."
            )
        image.seek(pages[0])
        # Only the header has been read so far, so refusing costs little.
        width, height = image.size
        count = width * height
        if count > limits.max_image_pixels:
            raise TooLarge(
                f"The image has {width} x {height} pixels, more than the limit of {limits.max_image_pixels}. "
                "Send a smaller image."
            )
        deep = deep_colour.is_deep_colour(image)
        each = deep_colour.BYTES_PER_PIXEL if deep else BYTES_PER_PIXEL.get(image.mode, 4)
        if count * each > limits.max_decoded_bytes:
            raise TooLarge(
                f"The image needs more than {limits.max_decoded_bytes} bytes of memory when decoded. "
                "Send a smaller image, or one in grey."
            )
        if kind.plugin == "JPEG":
            # A JPEG stores luma separately, so colour need not be decoded.
            reduce_while_decoding(image, enough or max(image.size))
            if data.count(b"\xff\xda") > SCANS_OF_A_SOUND_JPEG:
                image.decodermaxblock = SMALL_BLOCK
        if deep:
            values: Values = deep_colour.deep_grey(image, lambda: _page(data, kind, limits, pages[0]))
            negative = False
        else:
            values, negative = _flatten(image, kind)
        turn = _orientation(image)
    grey, depth = _picture(values, negative, own_depth)
    if turn in UPRIGHT:
        grey = grey.transpose(UPRIGHT[turn])
    return DecodedImage(
        grey,
        kind.name,
        height if turn >= 5 else width,
        width if turn >= 5 else height,
        negative,
        warnings=("first_of_several_frames",) if len(pages) > 1 else (),
        depth=depth,
    )


def _picture(values: Values, negative: bool, own_depth: bool) -> tuple[Image.Image, Depth]:
    """Return the result of `_flatten` as one image that is not a negative, and its depth. The image is not turned
    upright."""
    if isinstance(values, Image.Image):
        return ImageChops.invert(values) if negative else values, EIGHT_BITS
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    if own_depth:
        samples, depth = to_samples(values, film_range(values), negative=negative)
        return Image.fromarray(samples), depth
    grey = Image.fromarray(scale_to_grey(values, *film_range(values)))
    return ImageChops.invert(grey) if negative else grey, EIGHT_BITS


def _opened(data: bytes, kind: Format, limits: Limits) -> ImageFile:
    file = TimedFile(data, limits.decode_seconds)
    if kind.plugin in PLUGINS:
        # Image.open would first import the plugins of five formats, which takes longer than decoding the image.
        import_module(PLUGINS[kind.plugin])
        plugin, _ = Image.OPEN[kind.plugin]
        return plugin(file, "")
    if kind.plugin == "TIFF":
        tiff.allow_more_formats()
    return Image.open(file, formats=[kind.plugin or ""])


def _page(data: bytes, kind: Format, limits: Limits, page: int) -> ImageFile:
    image = _opened(data, kind, limits)
    image.seek(page)
    return image


def _pages(image: ImageFile, kind: Format) -> list[int]:
    """Return the numbers of the frames or pages that are images, without thumbnails and masks."""
    if kind.plugin == "JPEG":
        return [0]
    return tiff.image_pages(image) if kind.plugin == "TIFF" else list(range(int(getattr(image, "n_frames", 1))))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of a loaded image: a key of UPRIGHT, or another number for upright."""
    try:
        turn = image.getexif().get(ORIENTATION)
    except Exception:  # the pixels may be sound even if the EXIF block is damaged
        return 0
    return turn if isinstance(turn, int) and turn in UPRIGHT else 0


def _flatten(image: ImageFile, kind: Format) -> tuple[Values, bool]:
    """Load the image as mode "L", or its values [rows, columns] if it has more than 8 bits. Also return whether it is
    a negative that must still be inverted."""
    values: NDArray[Any] | None = None
    negative = False
    if kind.plugin == "TIFF":
        tiff.prepare(image)
        image.load()
        values, negative = tiff.samples(image), tiff.white_is_zero(image)
    image.load()
    if values is None and (image.mode.startswith("I") or image.mode == "F"):
        values = np.asarray(image)
    if values is not None:
        return values, negative
    if kind.plugin == "BMP" and image.mode == "RGBA" and not image.getchannel("A").getextrema()[1]:
        return image.convert("RGB").convert("L"), negative  # the writer left the alpha byte of each pixel at zero
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        black = Image.new("RGBA", layer.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, layer).convert("L"), negative
    return image.convert("L"), negative
