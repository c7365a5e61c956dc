"""`python -m tests.memory.fuzz`: measure the function's memory and time for files with random headers.

Some files have random values throughout their headers: sizes, tiles, strips, precincts, layers, offset tables and
segments. Others are intact files in which numbers in the header were replaced. A file that exceeds the limits on memory
or time, or leaves too much memory in use, is written to tests/fuzz/crashes. `make fuzz` runs this after the damaged
files.
"""

import argparse
import random
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydicom.uid import JPEGBaseline8Bit, JPEGLSLossless
from rich.console import Console

from pneumonia.decode.limits import Limits
from tests.conftest import TinyMember, write_artifacts
from tests.fuzz.mutate import HEAD
from tests.fuzz.seeds import CRASHES, seeds
from tests.memory.headers import (
    bmp,
    chunk,
    codestream,
    dicom,
    exif,
    jpeg,
    jpeg_ls,
    jpeg_segment,
    png,
    tiff,
    webp,
)
from tests.memory.measure import Cost, Function, function
from tools.figures.measured import store

COUNT = 5000
"""The figures in the documents come from a run of this many files, starting with the first."""

MOST_MEGABYTES, MOST_LEFT_MEGABYTES = 400, 30
GRACE_SECONDS = 1
IMAGES = ("PNG-L-", "JPEG-L-", "TIFF-L-", "DICOM-RLELossless", "DICOM-JPEG2000Lossless")
SIDES = (1, 2, 31, 64, 96, 700, 2048, 5300, 7000, 16_383, 22_000, 40_000, 65_500, 1_000_000, 49_000_000)
FEW_ROWS = 200
"""Most rows of pixels in a PNG, because compressing more rows would take longer than decoding them."""
MOST_BYTES = 50_000_000
"""Most bytes of pixels in a PNG, for the same reason: even a single row can be this large."""

PNG, PNG_HEADER = b"\x89PNG", slice(12, 29)
"""The first bytes of a PNG, and the position of its first chunk. The chunk's checksum follows."""

Chance = random.Random


def drawn(number: int) -> tuple[str, bytes]:
    """Return the format and bytes of the file with this number. The same number always gives the same file."""
    chance = random.Random(number)  # noqa: S311 - the same file every time is the point
    name = chance.choice(sorted(MAKERS))
    return name, MAKERS[name](chance)


def _size(chance: Chance) -> tuple[int, int]:
    """Return a size, usually within the pixel limit: larger images are refused by their size alone."""
    width = chance.choice(SIDES)
    fitting = [side for side in SIDES if width * side <= Limits.max_image_pixels]
    return width, chance.choice(fitting if fitting and chance.random() < 0.9 else SIDES)


def _png(chance: Chance) -> bytes:
    width, height = _size(chance)
    colour, depth = chance.choice([(0, 1), (0, 8), (0, 16), (2, 8), (2, 16), (3, 8), (4, 8), (4, 16), (6, 8), (6, 16)])
    extras = (
        b"",
        chunk(b"tRNS", bytes(2)),
        chunk(b"eXIf", exif(chance.choice((1, 200, 5000)), chance.choice((4, 9000)))),
        chunk(b"prVt", b"") * chance.choice((10, 500, 50_000)),
        chunk(b"acTL", bytes([0, 0, 0, chance.choice((1, 200)), 0, 0, 0, 0])),
    )
    return png(
        width,
        height,
        colour,
        depth,
        rows=min(height, FEW_ROWS, max(1, MOST_BYTES // width)),
        extra=chance.choice(extras),
    )


def _jpeg(chance: Chance) -> bytes:
    width, height = _size(chance)
    segments = chance.choice(
        (b"", b"", jpeg_segment(0xE1, b"Exif\0\0" + exif(chance.choice((1, 300, 4000)), 9000)) * chance.choice((1, 9)))
    )
    choices = {"colour": chance.random() < 0.5, "progressive": chance.random() < 0.5}
    return jpeg(width, height, segments=segments, **choices)


def _tiff(chance: Chance) -> bytes:
    width, height = _size(chance)
    tile = (chance.choice(SIDES), chance.choice(SIDES)) if chance.random() < 0.4 else None
    bits, float_values = chance.choice([(1, False), (8, False), (16, False), (32, False), (32, True), (64, True)])
    return tiff(
        width,
        height,
        samples=chance.choice((1, 3, 4, 9)),
        bits=bits,
        float_values=float_values,
        compression=chance.choice((1, 5, 7, 8, 32773)),
        tile=tile,
        rows_per_strip=chance.choice((None, 1, 64, 2**31)),
    )


def _webp(chance: Chance) -> bytes:
    return webp(*_size(chance))


def _bmp(chance: Chance) -> bytes:
    width, height = _size(chance)
    return bmp(
        width, chance.choice((1, -1)) * height, chance.choice((1, 4, 8, 16, 24, 32)), chance.choice((0, 0, 1, 3))
    )


def _jpeg2000(chance: Chance) -> bytes:
    size = _size(chance)
    return codestream(
        *size,
        tile=(chance.choice(SIDES), chance.choice(SIDES)) if chance.random() < 0.3 else None,
        components=chance.choice((1, 1, 3, 200)),
        levels=chance.choice((0, 1, 5, 32)),
        layers=chance.choice((1, 1, 100, 65_535)),
        block=chance.choice(((6, 6), (2, 2), (10, 2))),
        precinct=chance.choice((None, None, (1, 1), (7, 7), (15, 0))),
        bits=chance.choice((8, 16, 38)),
    )


def _dicom(chance: Chance) -> bytes:
    streams: dict[str, Callable[[Chance], bytes]] = {
        "1.2.840.10008.1.2.4.90": _jpeg2000,
        JPEGBaseline8Bit: _jpeg,
        JPEGLSLossless: lambda chance: jpeg_ls(*_size(chance)),
    }
    syntax = chance.choice(sorted(streams))
    # Use the same random numbers for stream and header: if their sizes differed, the file would always be refused.
    state = chance.getstate()
    size = _size(chance)
    chance.setstate(state)
    frame = streams[syntax](chance)
    hidden = streams[syntax](chance) if chance.random() < 0.2 else None
    width, height = (min(side, 65_535) for side in size)
    return dicom(frame, syntax, (width, height), hidden=hidden)


def _mutated(chance: Chance) -> bytes:
    """Return an intact file in which one to three places of the header have other numbers."""
    data = bytearray(chance.choice(list(seeds().values())))
    for _ in range(chance.choice((1, 1, 2, 3))):
        layout, most = chance.choice((("<H", 0xFFFF), (">H", 0xFFFF), ("<I", 0xFFFFFFFF), (">I", 0xFFFFFFFF)))
        place = chance.randrange(min(len(data) - 4, HEAD))
        struct.pack_into(layout, data, place, min(most, chance.choice(SIDES)))
    if data.startswith(PNG) and len(data) > PNG_HEADER.stop + 4:
        # Correct the checksum: with a wrong one, the decoder would reject the file at once.
        struct.pack_into(">I", data, PNG_HEADER.stop, zlib.crc32(data[PNG_HEADER]))
    return bytes(data)


MAKERS: dict[str, Callable[[Chance], bytes]] = {
    "bmp": _bmp,
    "dicom": _dicom,
    "jpeg": _jpeg,
    "mutated": _mutated,
    "png": _png,
    "tiff": _tiff,
    "webp": _webp,
}


def wrong(cost: Cost, *, timed: bool = True) -> str | None:
    """Return the value that exceeds its limit, or None."""
    if cost.peak_megabytes > MOST_MEGABYTES:
        return f"{cost.peak_megabytes:.0f} MB"
    if cost.left_megabytes > MOST_LEFT_MEGABYTES:
        return f"{cost.left_megabytes:.0f} MB stay"
    if timed and cost.seconds > Limits.decode_seconds + GRACE_SECONDS:
        return f"{cost.seconds:.1f} s"
    return None


def run(service: Function, numbers: Sequence[int]) -> Iterator[tuple[int, str, Cost]]:
    """Yield number, format and cost of each file."""
    for number in numbers:
        name, data = drawn(number)
        yield number, name, service.cost(data)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code: 1 if a file exceeded a limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--count", type=int, default=COUNT, help=f"files (default: {COUNT})")
    parser.add_argument("--first", type=int, default=1, help="number of the first one (default: 1)")
    arguments = parser.parse_args(argv)
    console, costs, broken, start = Console(), [Cost("", 0, 0, 0, 0)], 0, time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with function(write_artifacts(folder / "model", [TinyMember()]), folder) as service:
            service.warm_up(*(seeds()[image] for image in IMAGES))
            for number, kind, cost in run(service, range(arguments.first, arguments.first + arguments.count)):
                costs.append(cost)
                if why := wrong(cost):
                    broken += 1
                    console.print(f"{number} ({kind}): {why}", style="red")
                    (CRASHES / f"header-{number}.bin").write_bytes(drawn(number)[1])
    outcomes = Counter(cost.outcome for cost in costs[1:]).most_common()
    console.print(", ".join(f"{count:,} {outcome}" for outcome, count in outcomes))
    elapsed = time.monotonic() - start
    console.print(f"{arguments.count:,} files with random headers, in {elapsed:.0f} s")
    peak, left = max(cost.peak_megabytes for cost in costs), max(cost.left_megabytes for cost in costs)
    clock, processor = max(cost.seconds for cost in costs), max(cost.cpu_seconds for cost in costs)
    console.print(f"most for one file: {peak:.0f} MB, {clock:.1f} s, and {processor:.1f} s of processor time")
    console.print(f"memory left in use: at most {left:.1f} MB, and {costs[-1].left_megabytes:.1f} MB at the end")
    if (arguments.first, arguments.count) == (1, COUNT):
        store(
            "headers",
            "make fuzz",
            {
                "inputs": arguments.count,
                "megabytes": peak,
                "seconds": clock,
                "left_megabytes": left,
                "left_in_the_end_megabytes": costs[-1].left_megabytes,
                "run_seconds": elapsed,
            },
        )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
