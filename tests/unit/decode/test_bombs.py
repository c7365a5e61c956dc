"""Files that are small to send and large to open are refused for little memory, measured in a process of their own."""

import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless

from pneumonia.settings import Settings
from tests.unit.decode.conftest import DicomBytes, dataset_of, encoded, film12
from tests.unit.decode.test_dicom_guard import explicit, nested

MOST_MEGABYTES = 200
ROOT = Path(__file__).parents[3]

# Imports first, a small file of each kind next: what is measured is the bomb alone.
DECODE = """
import json, resource, sys
from pathlib import Path
from pneumonia.decode import decode
from pneumonia.settings import Settings
import pneumonia.decode.dicom
limits = Settings(model_dir=Path()).limits
for warm in sys.argv[2:]:
    decode(Path(warm).read_bytes(), limits)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode(Path(sys.argv[1]).read_bytes(), limits)
    code = None
except Exception as error:
    code = error.code
print(json.dumps([code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024]))
"""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: int) -> bytes:
    """A grey PNG that claims a size and holds so many of its rows, all black."""
    body = zlib.compress(bytes((width + 1) * rows), 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def deflated(dicom_bytes: DicomBytes, tail: bytes) -> bytes:
    """A deflated DICOM file whose data set goes on with ``tail``."""
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
    """A JPEG of 64 x 64 whose header says 65,500 x 65,500."""
    path = tmp_path / "lying.jpg"
    Image.linear_gradient("L").resize((64, 64)).save(path)
    data = bytearray(path.read_bytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65_500, 65_500)
    return bytes(data)


def lying_codestream() -> bytes:
    """JPEG 2000 of 4,000 x 4,000 in a DICOM file whose header says 96 x 80."""
    large = dataset_of(np.zeros((4000, 4000), dtype=np.uint16))
    large.compress(JPEG2000Lossless)
    large.Rows, large.Columns = film12().shape
    return encoded(large)


def polyglot(dicom_bytes: DicomBytes) -> bytes:
    """A TIFF of 60,000 x 60,000 in the preamble of a DICOM file that is cut short."""
    entries = [(256, 4, 1, 60_000), (257, 4, 1, 60_000), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 8)]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    data = dicom_bytes()
    return (b"II*\0" + struct.pack("<I", 8) + directory).ljust(128, b"\0")[:128] + data[128:600]


BOMBS = ["png_50000", "png_rows", "deflated_zeros", "deflated_elements", "jpeg", "codestream", "polyglot", "elements",
         "nested"]  # fmt: skip


def bomb(name: str, dicom_bytes: DicomBytes, tmp_path: Path) -> bytes:
    if name == "png_50000":
        return png(50_000, 50_000, 1000)
    if name == "png_rows":  # within the limit of pixels by its header, and far more in its data
        return png(64, 64, 3_000_000)
    if name == "deflated_zeros":
        return deflated(dicom_bytes, explicit(b"OB", tag=(0x7FE1, 0x1010)) + bytes(900_000_000))
    if name == "deflated_elements":
        return deflated(dicom_bytes, explicit(b"CS", tag=(0x7FE1, 0x1010)) * 5_000_000)
    if name == "jpeg":
        return lying_jpeg(tmp_path)
    if name == "codestream":
        return lying_codestream()
    if name == "polyglot":
        return polyglot(dicom_bytes)
    head = dicom_bytes(Modality=None)[:600]
    return dicom_bytes()[:132] + (explicit(b"CS") * 2_000_000 if name == "elements" else nested(100_000)) + head


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_for_little_memory(name: str, dicom_bytes: DicomBytes, tmp_path: Path) -> None:
    data = bomb(name, dicom_bytes, tmp_path)
    assert len(data) <= Settings.max_image_bytes  # or it would be refused for its size alone
    (tmp_path / "bomb").write_bytes(data)
    (tmp_path / "film.dcm").write_bytes(dicom_bytes())
    Image.linear_gradient("L").save(tmp_path / "film.png")
    command = [sys.executable, "-c", DECODE, *(str(tmp_path / file) for file in ("bomb", "film.dcm", "film.png"))]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT / "lambda_src")}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    code, megabytes = json.loads(done.stdout)
    if name == "png_rows":  # a picture whose surplus nobody unpacks may as well be read
        assert code in (None, "undecodable_image")
    else:
        assert code in ("too_large", "undecodable_image")
    assert megabytes < MOST_MEGABYTES
