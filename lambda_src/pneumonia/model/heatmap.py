"""The activation map laid over the film, with a legend, as a PNG."""

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from pneumonia.model.card import Card

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngInfo

MAX_SIDE = 512
MIN_WIDTH = 192  # room for the legend's two words under a narrow film
LEGEND_HEIGHT = 36
MAX_OPACITY = 0.6
LUNGS_KEYWORD = "Lungs"
_END_BYTES = 12  # the last chunk of every PNG: no data, but length, name and checksum

# Every 16th entry of matplotlib's "inferno" (S. van der Walt and N. Smith, CC0): perceptually even, and its
# lightness rises all the way, so that it also reads in grey and with colour-blind eyes.
INFERNO = np.array(
    [
        (0, 0, 4), (11, 7, 36), (33, 12, 74), (61, 9, 101), (87, 16, 110), (113, 25, 110),
        (138, 34, 106), (163, 44, 97), (188, 55, 84), (210, 70, 68), (228, 90, 49), (241, 115, 29),
        (249, 142, 9), (252, 172, 17), (249, 203, 53), (242, 234, 105), (252, 255, 164),
    ],
    dtype=np.float32,
)  # fmt: skip


def heat_of(activation_map: npt.NDArray[np.float32], probability: float, card: Card) -> npt.NDArray[np.float32]:
    """Heat of each cell, float32 [h, w] in 0..1, on the fixed scale of the card.

    `activation_map`: float32 [h, w] as the model returns it. 1 is the evidence of `card.full_scale` or more, so that
    heatmaps of two images can be compared. Below the rule-out threshold the heat fades with the `probability`: what the
    model calls likely normal must not glow.
    """
    fade = min(1.0, probability / card.operating_points.rule_out)
    return np.asarray(np.clip(activation_map / card.full_scale, 0, 1) * fade, np.float32)


def overlay(image: Image.Image, heat: npt.NDArray[np.float32], lungs: npt.NDArray[np.float32] | None = None) -> bytes:
    """Draw the evidence for pneumonia over an image.

    `image`: mode "L", any size. `heat`: float32 [h, w] in 0..1, as `heat_of` returns it, covering the whole image.
    Where there is none the image is untouched. `lungs`: float32 [h, w] in 0..1, the share of lung in each cell of a
    grid over the whole image; it is not drawn, but written into a text of the file (`lungs_text`). Returns an RGB PNG
    whose picture is at most 512 pixels on its longest side.
    """
    film = image.copy()
    film.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BILINEAR)
    heat = _upsample(heat, film.size)
    grey = np.asarray(film, np.float32)[:, :, np.newaxis]
    opacity = (MAX_OPACITY * heat)[:, :, np.newaxis]
    blended = Image.fromarray(np.rint(grey * (1 - opacity) + colours(heat) * opacity).astype(np.uint8))
    canvas = Image.new("RGB", (max(film.width, MIN_WIDTH), film.height + LEGEND_HEIGHT))
    canvas.paste(blended, ((canvas.width - film.width) // 2, 0))
    _draw_legend(canvas, film.height)
    stream = io.BytesIO()
    # Level 2 of zlib: a fifth larger than at the default of 6, for a quarter of the time (bench/README.md).
    canvas.save(stream, "PNG", compress_level=2, pnginfo=None if lungs is None else _texts(lungs))
    return stream.getvalue()


def lungs_text(lungs: npt.NDArray[np.float32]) -> str:
    """A lung map [h, w] in 0..1 as "width height bytes": row by row, two hexadecimal digits a cell, of which "ff" is 1.

    It goes with the picture, not with the answer: so whoever shows the heatmap has it, from wherever that came, and
    nobody else pays for it.
    """
    height, width = lungs.shape
    return f"{width} {height} {np.rint(255 * np.clip(lungs, 0, 1)).astype(np.uint8).tobytes().hex()}"


def _texts(lungs: npt.NDArray[np.float32]) -> "PngInfo":
    # Imported with the first heatmap, as fonts are.
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text(LUNGS_KEYWORD, lungs_text(lungs))
    return texts


def colours(heat: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Colours of heat in 0..1, any shape: float32 RGB [..., 3] in 0..255."""
    position = heat * (len(INFERNO) - 1)
    low = np.minimum(position.astype(np.intp), len(INFERNO) - 2)
    share = (position - low)[..., np.newaxis]
    return np.asarray(INFERNO[low] * (1 - share) + INFERNO[low + 1] * share, np.float32)


def _upsample(heat: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Heat at the size of the picture, float32 [H, W] in 0..1."""
    # Bicubic hides the few cells of the grid better than bilinear; it overshoots, hence the clip.
    scaled = Image.fromarray(heat).resize(size, Image.Resampling.BICUBIC)
    return np.clip(np.asarray(scaled, np.float32), 0.0, 1.0)


def _draw_legend(canvas: Image.Image, top: int) -> None:
    # Imported with the first heatmap: fonts load libraries that a prediction without one has no use for.
    from PIL import ImageDraw, ImageFont

    margin, bar_height = 8, 10
    width = canvas.width - 2 * margin
    ramp = np.tile(np.linspace(0, 1, width, dtype=np.float32), (bar_height, 1))
    canvas.paste(Image.fromarray(np.rint(colours(ramp)).astype(np.uint8)), (margin, top + 6))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default()
    line = top + 6 + bar_height + 3
    draw.text((margin, line), "no evidence", fill="white", font=font)
    draw.text((canvas.width - margin, line), "strong evidence", fill="white", font=font, anchor="ra")


def tagged(png: bytes, text: str) -> bytes:
    """A PNG with a text (Latin-1) in it that no viewer shows: equal pictures of two uploads become two files.

    Needed where a file is told by its content alone, as by an ETag. The text goes into a `tEXt` chunk before the end
    (PNG specification, section 11.3.3.3).
    """
    chunk = b"tEXtSource\0" + text.encode("latin-1")
    length, checksum = struct.pack(">I", len(chunk) - 4), struct.pack(">I", zlib.crc32(chunk))
    return png[:-_END_BYTES] + length + chunk + checksum + png[-_END_BYTES:]
