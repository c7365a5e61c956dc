"""Files that are small to send and large to open are refused with little memory and processor time.

Both are measured in a separate process.
"""

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from pneumonia.settings import Settings
from tests.unit.decode.conftest import DicomBytes, dataset_of, encoded, film12
from tests.unit.decode.test_dicom_guard import explicit, nested

MOST_MEGABYTES = 200
MOST_CPU_SECONDS = 1.0  # processor time, because wall-clock time depends on the load of the machine
ROOT = Path(__file__).parents[3]

# It imports the libraries and decodes a small image of each kind first, so that only the bomb is measured.
DECODE = r"""
import json, re, sys, time
from pathlib import Path
from pneumonia.decode.dispatch import decode
from pneumonia.settings import Settings
import pneumonia.decode.dicom
limits = Settings(model_dir=Path()).limits
def megabytes(kind):
    # Not ru_maxrss: a new program inherits it from its parent process, which hides every smaller peak.
    return int(re.search(kind + r":\s+(\d+) kB", Path("/proc/self/status").read_text()).group(1)) / 1024
folder = Path(sys.argv[1])
for image in sorted(folder.glob("image.*")):
    decode(image.read_bytes(), limits)
for bomb in sorted(folder.glob("*.bomb")):
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before, start, code = megabytes("VmRSS"), time.process_time(), None
    try:
        decode(bomb.read_bytes(), limits)
    except Exception as error:
        code = error.code
    print(json.dumps([bomb.stem, code, megabytes("VmHWM") - before, time.process_time() - start]), flush=True)
"""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: int) -> bytes:
    """Return a grey PNG with a false size in its header, and `rows` black rows."""
    body = zlib.compress(bytes((width + 1) * rows), 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def deflated(dicom_bytes: DicomBytes, tail: bytes) -> bytes:
    """Return a deflated DICOM file whose data set continues with ``tail``."""
    whole = dicom_bytes(syntax=DeflatedExplicitVRLittleEndian)
    start = next(k for k in range(132, len(whole)) if _inflates(whole[k:]))
    stream = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return whole[:start] + stream.compress(zlib.decompress(whole[start:], -zlib.MAX_WBITS) + tail) + stream.flush()


def _inflates(data: bytes) -> bool:
    try:
        return zlib.decompress(data, -zlib.MAX_WBITS)[4:6].isalpha()
    except zlib.error:
        return False


def lying_jpeg(tmp_path: Path) -> bytes:
    """Return a JPEG of 64 x 64 whose header says 65,500 x 65,500."""
    path = tmp_path / "lying.jpg"
    Image.linear_gradient("L").resize((64, 64)).save(path)
    data = bytearray(path.read_bytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65_500, 65_500)
    return bytes(data)


def lying_codestream() -> bytes:
    """Return a JPEG 2000 of 4,000 x 4,000 in a DICOM file whose header says 96 x 80."""
    large = dataset_of(np.zeros((4000, 4000), dtype=np.uint16))
    large.compress(JPEG2000Lossless)
    large.Rows, large.Columns = film12().shape
    return encoded(large)


def polyglot(dicom_bytes: DicomBytes) -> bytes:
    """Return a TIFF of 60,000 x 60,000 in the preamble of a truncated DICOM file."""
    return spread_tiff().ljust(128, b"\0")[:128] + dicom_bytes()[128:600]


def hidden_elements() -> bytes:
    """Return millions of elements that pydicom reads and a walk by the standard does not: the walk reads the first one
    as explicit, with a length of two bytes."""
    head = struct.pack("<HH", 0x0009, 0x0010) + b"\0\0\x01\0"
    covered = struct.pack("<HH", 0x0009, 0x0011) + b"OB\0\0" + struct.pack("<I", 0xFFFFFF00)
    return head + covered.rjust(1 + len(covered), b"\0").ljust(65_536, b"\0") + explicit(b"CS") * 2_000_000


def long_form(kind: bytes, value: bytes, tag: tuple[int, int]) -> bytes:
    return struct.pack("<HH", *tag) + kind + b"\0\0" + struct.pack("<I", len(value)) + value


def offset_table(syntax: str = RLELossless) -> bytes:
    """Return a file with four million entries in its offset table."""
    dataset = dataset_of(film12(), syntax)
    table = struct.pack("<HHI", 0xFFFE, 0xE000, 16_000_000) + bytes(16_000_000)
    dataset.PixelData = table + encapsulate([bytes(64)], has_bot=False)[8:]
    return encoded(dataset)


def segmented_palette() -> bytes:
    """Return a palette of three million segments of 65,535 entries."""
    dataset = dataset_of((film12() >> 4).astype(np.uint8), PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [0, 0, 16])
        segments = struct.pack("<HHH", 0, 1, 7) + struct.pack("<HHH", 1, 65_535, 7) * 30_000
        setattr(dataset, f"Segmented{colour}PaletteColorLookupTableData", segments)
    return encoded(dataset)


def spread_tiff() -> bytes:
    """Return a TIFF of 60 bytes whose header says 60,000 x 60,000."""
    return b"II*\0" + struct.pack("<I", 8) + tiff_directory(60_000)


def tiff_directory(side: int) -> bytes:
    entries = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 8)]
    return struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)


def components() -> bytes:
    """Return a JPEG of four components in a DICOM file whose header says one."""
    stream = io.BytesIO()
    Image.new("CMYK", (5000, 5000)).save(stream, "JPEG")
    dataset = dataset_of(np.zeros((8, 8), dtype=np.uint8), JPEGBaseline8Bit)
    dataset.PixelData, dataset.Rows, dataset.Columns = encapsulate([stream.getvalue()]), 5000, 5000
    return encoded(dataset)


def lying_dicom_jpeg(tmp_path: Path) -> bytes:
    """Return a JPEG whose header says 65,500 x 65,500 in a DICOM file whose header says 64 x 64."""
    dataset = dataset_of(np.zeros((64, 64), dtype=np.uint8), JPEGBaseline8Bit)
    dataset.PixelData = encapsulate([lying_jpeg(tmp_path)])
    return encoded(dataset)


MakeBomb = Callable[[DicomBytes, Path], bytes]
BOMBS: dict[str, MakeBomb] = {
    "png_50000": lambda _dicom, _path: png(50_000, 50_000, 1000),
    # Its header is within the pixel limit, but its data is much larger.
    "png_rows": lambda _dicom, _path: png(64, 64, 3_000_000),
    "tiff": lambda _dicom, _path: spread_tiff(),
    "jpeg": lambda _dicom, path: lying_jpeg(path),
    "polyglot": lambda dicom, _path: polyglot(dicom),
    "deflated_zeros": lambda dicom, _path: deflated(dicom, explicit(b"OB", tag=(0x7FE1, 0x1010)) + bytes(400_000_000)),
    "deflated_elements": lambda dicom, _path: deflated(dicom, explicit(b"CS", tag=(0x7FE1, 0x1010)) * 5_000_000),
    "codestream": lambda _dicom, _path: lying_codestream(),
    "lying_jpeg": lambda _dicom, path: lying_dicom_jpeg(path),
    "components": lambda _dicom, _path: components(),
    "elements": lambda dicom, _path: with_head(dicom, explicit(b"CS") * 2_000_000),
    "hidden_elements": lambda dicom, _path: with_head(dicom, hidden_elements()),
    "nested": lambda dicom, _path: with_head(dicom, nested(5_000)),
    "window_values": lambda dicom, _path: with_head(dicom, long_form(b"UN", b"1\\" * 9_000_000, (0x0028, 0x1050))),
    "lookup_elements": lambda dicom, _path: with_head(
        dicom, long_form(b"UN", struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 2_000_000, (0x0028, 0x3010))
    ),
    "transfer_syntax": lambda dicom, _path: dicom()[:132] + long_form(b"UN", b"1\\" * 9_000_000, (2, 0x10)),
    "offset_table": lambda _dicom, _path: offset_table(),
    "segmented_palette": lambda _dicom, _path: segmented_palette(),
}


def with_head(dicom_bytes: DicomBytes, elements: bytes) -> bytes:
    """Return a DICOM file whose data set begins with `elements`."""
    whole = dicom_bytes()
    start = whole.index(b"\x08\0\x16\0UI")
    return whole[:start] + elements + whole[start:]


@dataclass(frozen=True)
class Cost:
    """The outcome of a bomb: the code of its refusal, the additional memory, and the processor time."""

    code: str | None
    megabytes: float
    cpu_seconds: float


@pytest.fixture(scope="module")
def costs(dicom_bytes: DicomBytes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cost]:
    folder = tmp_path_factory.mktemp("bombs")
    for name, make in BOMBS.items():
        data = make(dicom_bytes, folder)
        assert len(data) <= Settings.max_image_bytes  # larger files would be refused for their size alone
        (folder / f"{name}.bomb").write_bytes(data)
    (folder / "image.dcm").write_bytes(dicom_bytes())
    Image.linear_gradient("L").save(folder / "image.png")
    command = [sys.executable, "-c", DECODE, str(folder)]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT / "lambda_src")}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name: Cost(*cost) for name, *cost in map(json.loads, done.stdout.splitlines())}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_with_little_memory(name: str, costs: dict[str, Cost]) -> None:
    cost = costs[name]
    print(name, cost)
    if name == "png_rows":  # its surplus rows are never decoded, so it may also be read
        assert cost.code in (None, "undecodable_image")
    else:
        assert cost.code in ("too_large", "undecodable_image")
    assert cost.megabytes < MOST_MEGABYTES
    assert cost.cpu_seconds < MOST_CPU_SECONDS
