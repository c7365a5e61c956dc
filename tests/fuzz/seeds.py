"""The files that mutation starts from: small valid files of every format, and pydicom's public test files."""

import functools
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests.unit.decode.conftest import dataset_of, encoded, film12

CRASHES = Path(__file__).parent / "crashes"
LARGEST_PUBLIC_FILE = 60_000

PICTURES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("JPEG", "L", {}), ("JPEG", "RGB", {}), ("JPEG", "CMYK", {}), ("JPEG", "L", {"progressive": True}),
    ("PNG", "1", {}), ("PNG", "L", {}), ("PNG", "P", {}), ("PNG", "RGB", {}), ("PNG", "RGBA", {}), ("PNG", "I;16", {}),
    ("TIFF", "L", {}), ("TIFF", "I;16", {"compression": "tiff_adobe_deflate"}), ("TIFF", "F", {}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}), ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", "L", {"compression": "jpeg"}), ("BMP", "L", {}), ("BMP", "RGB", {}),
    ("WEBP", "RGB", {"lossless": True}), ("WEBP", "RGBA", {}),
)  # fmt: skip
PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
COMPRESSED = (RLELossless, JPEG2000Lossless)


@functools.cache
def seeds() -> dict[str, bytes]:
    """Return the bytes of all seeds by name, in an order that never changes."""
    return dict([*_pictures(), *_dicom(), *_public()])


def crashes() -> dict[str, bytes]:
    """Return the inputs that broke a rule in earlier runs, by name. The repository keeps them permanently."""
    return {path.name: path.read_bytes() for path in sorted(CRASHES.glob("*.bin"))}


def _pictures() -> Iterator[tuple[str, bytes]]:
    grey = Image.fromarray((film12() >> 4).astype(np.uint8))
    for kind, mode, options in PICTURES:
        image = Image.fromarray(film12()) if mode == "I;16" else grey.convert(mode)
        yield f"{kind}-{mode}-{'-'.join(map(str, options.values()))}", _saved(image, kind, **options)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "JPEG-exif", _saved(grey, "JPEG", exif=exif)
    yield "TIFF-pages", _saved(grey, "TIFF", save_all=True, append_images=[grey])


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _dicom() -> Iterator[tuple[str, bytes]]:
    for syntax in PLAIN:
        yield f"DICOM-{syntax.keyword}", encoded(dataset_of(film12(), syntax, WindowCenter=2000, WindowWidth=3000))
    for syntax in COMPRESSED:
        dataset = dataset_of(film12())
        dataset.compress(syntax)
        yield f"DICOM-{syntax.keyword}", encoded(dataset)
    grey = (film12() >> 4).astype(np.uint8)
    baseline = dataset_of(grey, JPEGBaseline8Bit)
    baseline.PixelData = encapsulate([_saved(Image.fromarray(grey), "JPEG")])
    yield "DICOM-JPEGBaseline8Bit", encoded(baseline)
    bare = dataset_of(film12(), ImplicitVRLittleEndian, PhotometricInterpretation="MONOCHROME1")
    bare.preamble = None
    yield "DICOM-no-meta", encoded(bare)
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 12], list(range(4096))
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    yield "DICOM-voi-lut", encoded(dataset_of(film12(), VOILUTSequence=Sequence([table]), PixelPaddingValue=200))


def _public() -> Iterator[tuple[str, bytes]]:
    folder = Path(pydicom.data.__file__).parent / "test_files"
    for path in sorted(folder.glob("*.dcm")):
        if path.stat().st_size <= LARGEST_PUBLIC_FILE:
            yield f"public-{path.name}", _as_radiograph(path.read_bytes())


def _as_radiograph(data: bytes) -> bytes:
    """Set the modality to CR. A file that is not a radiograph would be refused before its pixels are read."""
    return re.sub(rb"(\x08\x00\x60\x00(?:CS)?\x02\x00(?:\x00\x00)?)[A-Z]{2}", rb"\1CR", data)
