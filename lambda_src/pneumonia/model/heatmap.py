"""Draw the activation map over the X-ray, with a legend, as a PNG."""

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pneumonia.model.card import Card
from pneumonia.model.png import rgb_png

MAX_SIDE = 512
MIN_WIDTH = 192  # room for the texts of the legend under a narrow image
LEGEND_HEIGHT = 36
MAX_OPACITY = 0.6
LUNGS_KEYWORD = "Lungs"

# Every 16th entry of matplotlib's "inferno" (S. van der Walt and N. Smith, CC0). It is perceptually uniform, and its
# lightness always rises, so it can also be read in grey and by colour-blind people.
INFERNO = np.array(
    [
        (0, 0, 4), (11, 7, 36), (33, 12, 74), (61, 9, 101), (87, 16, 110), (113, 25, 110),
        (138, 34, 106), (163, 44, 97), (188, 55, 84), (210, 70, 68), (228, 90, 49), (241, 115, 29),
        (249, 142, 9), (252, 172, 17), (249, 203, 53), (242, 234, 105), (252, 255, 164),
    ],
    dtype=np.float32,
)  # fmt: skip


def heat_of(activation_map: npt.NDArray[np.float32], probability: float, card: Card) -> npt.NDArray[np.float32]:
    """Return the heat of each cell, float32 [h, w] in 0..1, on the fixed scale of the card.

    `activation_map`: float32 [h, w] as the model returns it. Heat 1 means the evidence `card.full_scale` or more, so
    heatmaps of different images can be compared. Below the rule-out threshold the heat fades with the `probability`:
    an image that is likely normal must not show strong evidence.
    """
    fade = min(1.0, probability / card.operating_points.rule_out)
    return np.asarray(np.clip(activation_map / card.full_scale, 0, 1) * fade, np.float32)


def overlay(image: Image.Image, heat: npt.NDArray[np.float32], lungs: npt.NDArray[np.float32] | None = None) -> bytes:
    """Draw the evidence for pneumonia over an image.

    `image`: mode "L", any size. `heat`: float32 [h, w] in 0..1, as `heat_of` returns it, covering the whole image.
    Where the heat is 0, the image is unchanged. `lungs`: float32 [h, w] in 0..1, the share of lung in each cell of a
    grid over the whole image. The lungs are not drawn, but stored as text in the file (`lungs_text`).

    Returns an RGB PNG with the image at no more than 512 pixels on its longest side, and the legend below.
    """
    small = image.copy()
    # Reduce by whole factors first, because averaging blocks of pixels takes an eighth as long as weighting each pixel.
    small.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BILINEAR, reducing_gap=1.0)
    places = np.empty((small.height, small.width, 2), np.uint8)
    places[..., 0], places[..., 1] = np.asarray(small), np.asarray(_levels(heat, small.size))
    pixels = _blend_table()[places.view("<u2")[..., 0]]
    blended = Image.frombytes("RGB", small.size, pixels.data, "raw", "RGBX")
    width = max(small.width, MIN_WIDTH)
    canvas = np.zeros((small.height + LEGEND_HEIGHT, width, 3), np.uint8)
    left = (width - small.width) // 2
    canvas[: small.height, left : left + small.width] = np.asarray(blended)
    canvas[small.height :] = _legend(width)
    return rgb_png(canvas, None if lungs is None else {LUNGS_KEYWORD: lungs_text(lungs)})


def evidence_map(heat: npt.NDArray[np.float32], lungs: npt.NDArray[np.float32] | None) -> dict[str, Any]:
    """Return the values that `overlay` draws, for JSON.

    `width`, `height` and `heat` describe the grid over the image. `heat` is row by row, 0..255, where 255 means 1.
    `lungs` is None, or `width`, `height` and `share` of a separate grid in the same form.
    """
    return {**_grid(heat, "heat"), "lungs": None if lungs is None else _grid(lungs, "share")}


def _grid(values: npt.NDArray[np.float32], name: str) -> dict[str, Any]:
    height, width = values.shape
    return {"width": width, "height": height, name: _bytes_of(values).ravel().tolist()}


def _bytes_of(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Scale 0..1 to 0..255."""
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


def lungs_text(lungs: npt.NDArray[np.float32]) -> str:
    """Return a lung map [h, w] in 0..1 as "width height bytes": row by row, two hexadecimal digits per cell, ff for 1.

    The text is stored in the PNG, not in the response. Every heatmap then contains it, and responses without a heatmap
    stay small.
    """
    height, width = lungs.shape
    return f"{width} {height} {_bytes_of(lungs).tobytes().hex()}"


def colours(heat: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the colours of heat in 0..1, of any shape: float32 RGB [..., 3] in 0..255."""
    position = heat * (len(INFERNO) - 1)
    low = np.minimum(position.astype(np.intp), len(INFERNO) - 2)
    share = (position - low)[..., np.newaxis]
    return np.asarray(INFERNO[low] * (1 - share) + INFERNO[low + 1] * share, np.float32)


def _levels(heat: npt.NDArray[np.float32], size: tuple[int, int]) -> Image.Image:
    """Return heat in 0..1 at the size (width, height) of the picture: mode "L", 255 for 1."""
    cells = Image.fromarray(_bytes_of(heat))
    # Bicubic hides the coarse grid better than bilinear.
    return cells.resize(size, Image.Resampling.BICUBIC)


@functools.cache
def _blend_table() -> npt.NDArray[np.uint32]:
    """Return the colour for each heat (0..255) over each grey (0..255): uint32 [65536], with index 256 * heat + grey.

    The first three bytes of an entry in memory are red, green and blue. The fourth is not used.
    """
    heat = np.linspace(0, 1, 256, dtype=np.float32)
    opacity = (MAX_OPACITY * heat)[:, np.newaxis, np.newaxis]
    grey = np.arange(256, dtype=np.float32)[np.newaxis, :, np.newaxis]
    table = np.zeros((256, 256, 4), np.uint8)
    table[..., :3] = np.rint(grey * (1 - opacity) + colours(heat)[:, np.newaxis] * opacity)
    return table.view(np.uint32).reshape(-1)


@functools.lru_cache(maxsize=8)
def _legend(width: int) -> npt.NDArray[np.uint8]:
    """Return the legend for a picture of the given width: uint8 RGB [LEGEND_HEIGHT, width, 3]."""
    # Imported with the first heatmap, because fonts load libraries that other predictions do not need.
    from PIL import ImageDraw, ImageFont

    margin, bar_height = 8, 10
    canvas = Image.new("RGB", (width, LEGEND_HEIGHT))
    ramp = np.tile(np.linspace(0, 1, width - 2 * margin, dtype=np.float32), (bar_height, 1))
    canvas.paste(Image.fromarray(np.rint(colours(ramp)).astype(np.uint8)), (margin, 6))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default()
    line = 6 + bar_height + 3
    draw.text((margin, line), "no evidence", fill="white", font=font)
    draw.text((width - margin, line), "strong evidence", fill="white", font=font, anchor="ra")
    return np.asarray(canvas)
