"""Inputs of the benchmark, made from the synthetic samples. They show no patients and need no download."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
GRAIN = 3.0  # standard deviation of noise in grey levels; without it, enlarged samples compress too well


@dataclass(frozen=True)
class Payload:
    """An image file in memory, with the Content-Type that a client would send."""

    name: str
    data: bytes
    content_type: str


def payloads() -> dict[str, Payload]:
    """Return the three inputs of the benchmark's table, by key."""
    return {
        "jpeg_224": _payload("224x224 JPEG", 224, 224, "JPEG"),
        "jpeg_2000": _payload("2000x1600 JPEG", 2000, 1600, "JPEG"),
        "png_1024": _payload("1024x1024 PNG", 1024, 1024, "PNG"),
    }


def mixed(count: int) -> list[Payload]:
    """Return `count` inputs as on a busy day: mostly small JPEGs, some large JPEGs and PNGs."""
    kinds = payloads()
    order = ("jpeg_224", "jpeg_2000", "jpeg_224", "png_1024", "jpeg_224")
    return [kinds[order[place % len(order)]] for place in range(count)]


def _payload(name: str, width: int, height: int, kind: str) -> Payload:
    with Image.open(SAMPLES / "pneumonia-1.png") as sample:
        grey = np.asarray(sample.convert("L").resize((width, height), Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(1).normal(0, GRAIN, grey.shape)
    image = Image.fromarray((grey + grain).clip(0, 255).astype(np.uint8))
    stream = io.BytesIO()
    image.save(stream, kind, **({"quality": 90} if kind == "JPEG" else {}))
    return Payload(name, stream.getvalue(), f"image/{kind.lower()}")
