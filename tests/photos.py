"""Simulated photographs of X-rays on a screen or a light box, and simulated poor exports."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Grey = NDArray[np.uint8]
Real = NDArray[np.float32]


@dataclass(frozen=True)
class Photo:
    """How an X-ray is photographed. All values except `surround` and `cast` are fractions.

    `surround`: grey level around the X-ray. `border`: its width on each side, as a share of the X-ray's side. `lean`:
    displacement of the corners. `glare`: brightness of a reflection. `moire`: depth of the pattern of two grids.
    `veil`: brightness of black parts. `vignette`: darkening towards the corners. `cast`: factor of each colour.
    """

    surround: int
    border: float
    lean: float = 0.03
    glare: float = 0.2
    moire: float = 0.0
    veil: float = 0.08
    vignette: float = 0.15
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)


SCREEN_CLOSE = Photo(surround=12, border=0.02, moire=0.06, cast=(0.95, 1.0, 1.08))
SCREEN = Photo(surround=12, border=0.12, lean=0.05, moire=0.06, glare=0.3, cast=(0.95, 1.0, 1.08))
SCREEN_AND_ROOM = Photo(surround=150, border=0.3, lean=0.08, moire=0.08, glare=0.5, cast=(0.95, 1.0, 1.08))
LIGHT_BOX_CLOSE = Photo(surround=250, border=0.02, veil=0.03, vignette=0.25, cast=(1.05, 1.0, 0.9))
LIGHT_BOX = Photo(surround=250, border=0.12, lean=0.05, veil=0.03, vignette=0.25, cast=(1.05, 1.0, 0.9))
LIGHT_BOX_AND_ROOM = Photo(surround=250, border=0.3, lean=0.08, veil=0.05, glare=0.4, cast=(1.05, 1.0, 0.9))

PHOTOS = {
    "screen, X-ray alone": SCREEN_CLOSE,
    "screen, with its frame": SCREEN,
    "screen, with the room": SCREEN_AND_ROOM,
    "light box, X-ray alone": LIGHT_BOX_CLOSE,
    "light box, with its edge": LIGHT_BOX,
    "light box, with the room": LIGHT_BOX_AND_ROOM,
}


def few_levels(xray: Grey, levels: int, quality: int) -> bytes:
    """Reduce `xray` to `levels` greys, and return it as a JPEG."""
    step = 255 / (levels - 1)
    return _jpeg(Image.fromarray(np.rint(np.rint(xray / step) * step).astype(np.uint8)), quality)


def photographed(xray: Grey, photo: Photo, rng: np.random.Generator, side: int = 1000) -> bytes:
    """Return a colour JPEG as from a camera, with `side` pixels on the longer side."""
    image = _with_surround(Image.fromarray(xray), photo, side)
    image = _leaning(image, photo, rng)
    light = np.asarray(image, np.float32) / 255
    light = photo.veil + (1 - photo.veil) * light
    light = light * _vignette(light.shape, photo.vignette) + _glare(light.shape, photo.glare, rng)
    colours = [
        light * share * (1 + photo.moire * _moire(light.shape, phase, rng)) for phase, share in enumerate(photo.cast)
    ]
    noisy = np.stack(colours, axis=-1) + rng.normal(0, 0.012, (*light.shape, 3))
    picture = Image.fromarray(np.clip(noisy * 255, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8))
    return _jpeg(picture, 80)


def _with_surround(xray: Image.Image, photo: Photo, side: int) -> Image.Image:
    scale = side / (max(xray.size) * (1 + 2 * photo.border))
    width, height = (round(length * scale) for length in xray.size)
    across, down = round(width * photo.border), round(height * photo.border)
    found = Image.new("L", (width + 2 * across, height + 2 * down), photo.surround)
    found.paste(xray.resize((width, height)), (across, down))
    return found


def _leaning(image: Image.Image, photo: Photo, rng: np.random.Generator) -> Image.Image:
    """Return `image` as seen at an angle: each corner is displaced a little."""
    width, height = image.size
    off = rng.uniform(-photo.lean, photo.lean, 8) * np.tile(image.size, 4)
    corners = np.array([0, 0, 0, height, width, height, width, 0]) + off
    return image.transform(
        image.size, Image.Transform.QUAD, tuple(corners), Image.Resampling.BILINEAR, fillcolor=photo.surround
    )


def _grid(shape: tuple[int, ...]) -> tuple[Real, Real]:
    """Return coordinates from -1 to 1, down and across."""
    rows, columns = shape[:2]
    down, across = np.linspace(-1, 1, rows, dtype=np.float32), np.linspace(-1, 1, columns, dtype=np.float32)
    return down[:, np.newaxis], across[np.newaxis]


def _vignette(shape: tuple[int, ...], depth: float) -> Real:
    down, across = _grid(shape)
    return np.asarray(1 - depth * (down**2 + across**2) / 2, np.float32)


def _glare(shape: tuple[int, ...], depth: float, rng: np.random.Generator) -> Real:
    """Return the reflection of a lamp at a random place."""
    down, across = _grid(shape)
    y, x, size = rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.8), rng.uniform(0.15, 0.35)
    return np.asarray(depth * np.exp(-((down - y) ** 2 + (across - x) ** 2) / (2 * size**2)), np.float32)


def _moire(shape: tuple[int, ...], phase: int, rng: np.random.Generator) -> Real:
    """Return the moiré between the grids of screen and camera for one colour, bent by the perspective."""
    down, across = _grid(shape)
    rate, turn = rng.uniform(15, 45), rng.uniform(0, np.pi)
    bent = across * np.cos(turn) + down * np.sin(turn) + 0.15 * down * across
    return np.asarray(np.sin(rate * bent + 2 * phase), np.float32)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()
