"""Write images with more than 8 bits in PNG, TIFF and DICOM, as detectors, archives and converters do."""

import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmwrite

from tests.unit.decode.conftest import dataset_of

Values = NDArray[Any]


def png(values: Values) -> bytes:
    """Return a PNG of 16 bits. ``values``: uint16 [rows, columns], or with 2 (grey and alpha), 3 or 4 channels last."""
    channels = 1 if values.ndim == 2 else values.shape[2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, content in ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b"")):
        data += struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return data


def tiff(values: Values, order: Literal["<", ">"] = "<", *, white_is_zero: bool = False, packed: bool = False) -> bytes:
    """Return a TIFF with one strip. ``values``: integers of any size and sign, or float32, [rows, columns] or RGB."""
    content = values.astype(values.dtype.newbyteorder(order)).tobytes()
    content = zlib.compress(content, 1) if packed else content
    channels = 1 if values.ndim == 2 else values.shape[2]
    sample = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    photometric = 2 if channels == 3 else int(not white_is_zero)
    bits = 8 * values.dtype.itemsize
    tags = {256: values.shape[1], 257: values.shape[0], 259: 8 if packed else 1, 262: photometric, 273: 0,
            277: channels, 278: values.shape[0], 279: len(content)}  # fmt: skip
    # The extra block holds the bits and the format of each of the three colours.
    start = 8 + 2 + 12 * (len(tags) + 2) + 4
    entries = [(tag, 4, 1, value if tag != 273 else start + 12) for tag, value in tags.items()]
    block = struct.pack(f"{order}6H", *[bits] * 3, *[sample] * 3)
    for tag, value, place in ((258, bits, start), (339, sample, start + 6)):
        entries.append((tag, 3, channels, place) if channels == 3 else (tag, 4, 1, value))
    directory = b"".join(struct.pack(f"{order}HHII", *entry) for entry in sorted(entries))
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    return head + struct.pack(f"{order}H", len(entries)) + directory + bytes(4) + block + content


def dicom(values: Values, stored: int, **elements: Any) -> bytes:
    """Return a DX image of ``stored`` bits per pixel. It is signed if ``values`` are signed."""
    stream = io.BytesIO()
    dcmwrite(stream, dataset_of(values, BitsStored=stored, HighBit=stored - 1, **elements), enforce_file_format=True)
    return stream.getvalue()


@dataclass(frozen=True)
class Way:
    """How an image is written. ``extremes``: share of pixels that are set to the lowest or highest possible value."""

    container: str
    depth: int
    signed: bool
    negative: bool
    fill: float
    window: float | None
    extremes: float
    shape: str
    highest: bool


def a_way(rng: np.random.Generator) -> Way:
    """Return a random way to write an image."""
    container = str(rng.choice(["png", "png-alpha", "png-rgb", "tiff", "tiff-rgb", "dicom", "dicom"]))
    return Way(
        container=container,
        depth=int(rng.integers(8, 17)),
        signed=container in {"tiff", "dicom"} and bool(rng.integers(2)),
        negative=container in {"tiff", "dicom"} and bool(rng.integers(2)),
        fill=float(rng.uniform(0.3, 1)),
        window=float(2 ** rng.uniform(0, 10)) if container == "dicom" and rng.integers(2) else None,
        extremes=float(rng.choice([0, 0.00001, 0.001, 0.005])),
        shape=str(rng.choice(["scattered", "marker"])),
        highest=bool(rng.integers(2)),
    )


def painted(shape: tuple[int, int], way: Way, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the positions of the extreme pixels in an image of this shape."""
    found = np.zeros(shape, bool)
    count = int(np.ceil(way.extremes * found.size))
    if way.shape == "scattered":
        found.flat[rng.choice(found.size, count, replace=False)] = True
    elif count:
        side = int(np.sqrt(count))
        top, left = (int(rng.integers(0, length - side)) for length in shape)
        found[top : top + side, left : left + side] = True
    return found


def written(grey: NDArray[np.uint8], way: Way, extreme: NDArray[np.bool_]) -> bytes:
    """Return the file of the image ``grey`` [rows, columns], written in this way, with these extreme pixels."""
    top = 2**way.depth - 1
    # PNG and TIFF do not say how many of the 16 bits are used, so an extreme pixel may use all of them.
    lowest, highest = (0, top) if way.container == "dicom" else (0, 2**16 - 1)
    low = int((1 - way.fill) / 2 * top)
    values = low + np.rint(grey * (way.fill * top / 255)).astype(np.int64)
    values[extreme] = highest if way.highest else lowest
    if way.negative:
        values = highest - values
    if way.container == "dicom":
        return _dicom(values, way)
    if way.container == "tiff":
        kind = np.int16 if way.signed else np.uint16
        return tiff((values - 2**15 * way.signed).astype(kind), white_is_zero=way.negative)
    deep = values.astype(np.uint16)
    if way.container == "png-alpha":
        return png(np.stack([deep, np.full_like(deep, 65535)], axis=-1))
    colour = np.stack([deep] * 3, axis=-1) if "rgb" in way.container else deep
    return tiff(colour, ">" if way.depth % 2 else "<") if way.container == "tiff-rgb" else png(colour)


def _dicom(values: Values, way: Way) -> bytes:
    elements: Mapping[str, Any] = {"PhotometricInterpretation": "MONOCHROME1" if way.negative else "MONOCHROME2"}
    middle, offset = 2 ** (way.depth - 1), 2 ** (way.depth - 1) if way.signed else 0
    if way.window is not None:
        elements = {**elements, "WindowCenter": middle - offset, "WindowWidth": round(2**way.depth * way.window)}
    size = 8 if way.depth == 8 else 16
    kind = np.dtype(f"{'i' if way.signed else 'u'}{size // 8}")
    return dicom((values - offset).astype(kind), way.depth, **elements)
