import io
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumonia.decode.dispatch import decode
from pneumonia.decode.isolated import Decoder, decode_in_time, process_decoder
from pneumonia.decode.limits import Limits
from pneumonia.decode.timed_file import TimedFile
from pneumonia.errors import MissingImage, MultiFrame, TookTooLong, TooLarge, UndecodableImage, UnsupportedFormat
from tests.conftest import ImageBytes
from tests.memory.headers import webp
from tests.unit.decode.conftest import DicomBytes

LIMITS = Limits(20_000_000, 50_000_000)
BRIEF = Limits(20_000_000, 50_000_000, decode_seconds=0.02)


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    decoder = Decoder()
    yield decoder
    decoder.close()


def scan_bomb(side: int, scans: int) -> bytes:
    """Return a progressive JPEG with a size in its header, and thousands of empty scans of ten bytes each."""
    stream = io.BytesIO()
    Image.linear_gradient("L").save(stream, "JPEG", progressive=True)
    data = bytearray(stream.getvalue())
    frame = data.index(b"\xff\xc2")
    struct.pack_into(">HH", data, frame + 5, side, side)
    first = data.index(b"\xff\xda")
    length = int.from_bytes(data[first + 2 : first + 4], "big")
    return bytes(data[:first]) + bytes(data[first : first + 2 + length]) * scans + b"\xff\xd9"


def slow_tiff() -> bytes:
    """Return a TIFF of 5,000 pixels a side. libtiff decodes it in one call, which takes far longer than BRIEF."""
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 2, (500, 5000), np.uint8)
    Image.fromarray(np.tile(noise, (10, 1))).save(stream, "TIFF", compression="tiff_lzw")
    return stream.getvalue()


def test_a_jpeg_of_thousands_of_scans_is_stopped() -> None:
    start = time.process_time()
    with pytest.raises(TookTooLong, match=r"within 0.02 seconds"):
        decode_in_time(scan_bomb(7000, 20_000), BRIEF)
    assert time.process_time() - start < 10  # processor time; the whole file would take minutes


def test_a_jpeg_of_few_scans_is_not_stopped(image_bytes: ImageBytes, gradient: Image.Image) -> None:
    data = image_bytes(image=gradient, kind="JPEG", progressive=True)
    assert np.array_equal(np.asarray(decode_in_time(data, LIMITS).pixels), np.asarray(decode(data, LIMITS).pixels))


def test_the_time_limit_stops_reading() -> None:
    file = TimedFile(b"abcd", 60)
    assert file.read(2) == b"ab"
    with pytest.raises(TookTooLong):
        TimedFile(b"abcd", -1).read(2)


def test_a_decoder_in_c_is_stopped_and_the_next_image_decoded(
    decoder: Decoder, image_bytes: ImageBytes, gradient: Image.Image
) -> None:
    with pytest.raises(TookTooLong):
        decoder.decode(slow_tiff(), BRIEF)
    data = image_bytes(image=gradient, kind="TIFF")
    assert np.array_equal(np.asarray(decoder.decode(data, LIMITS).pixels), np.asarray(gradient))


def test_the_process_is_kept_for_the_next_image(decoder: Decoder, image_bytes: ImageBytes) -> None:
    decoder.decode(image_bytes(kind="TIFF"), LIMITS)
    first = decoder._process
    decoder.decode(image_bytes(kind="WEBP"), LIMITS)
    assert decoder._process is first


def test_the_facts_of_a_dicom_file_come_through(dicom_bytes: DicomBytes) -> None:
    data = dicom_bytes(WindowCenter=2000, WindowWidth=3000)
    here, there = decode(data, LIMITS), decode_in_time(data, LIMITS)
    assert replace(here, pixels=there.pixels) == there
    assert np.array_equal(np.asarray(here.pixels), np.asarray(there.pixels))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", MissingImage),
        (b"text", UnsupportedFormat),
        (bytes(128) + b"DICM" + bytes(20), UndecodableImage),
        (b"II*\0" + bytes(20), UndecodableImage),
    ],
)
def test_refusals_are_the_same_as_in_this_process(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error) as here:
        decode(data, LIMITS)
    with pytest.raises(error) as there:
        decode_in_time(data, LIMITS)
    assert str(here.value) == str(there.value)


def test_limits_hold_in_the_process_as_well(image_bytes: ImageBytes) -> None:
    page = Image.new("L", (96, 96))
    with pytest.raises(MultiFrame):
        decode_in_time(image_bytes(image=page, kind="TIFF", save_all=True, append_images=[page]), LIMITS)
    with pytest.raises(TooLarge):
        decode_in_time(image_bytes(kind="TIFF"), Limits(1_000_000, 10))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited by Linux")
@pytest.mark.parametrize("size", [(7000, 7000), (3000, 16_383)])
def test_a_refused_large_allocation_is_too_large(decoder: Decoder, size: tuple[int, int]) -> None:
    """libwebp requests the whole canvas at once, and reports a refusal like a damaged file."""
    with pytest.raises(TooLarge, match="more memory"):
        decoder.decode(webp(*size), Limits())


def test_a_damaged_webp_is_undecodable(decoder: Decoder) -> None:
    with pytest.raises(UndecodableImage):
        decoder.decode(webp(70, 70)[:-8], Limits())


def test_a_crashed_decoder_means_an_undecodable_file_and_is_replaced(
    decoder: Decoder, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    crashing = tmp_path / "python"
    crashing.write_text(
        f"#!{sys.executable}\nimport os, signal, sys\nsys.stdin.buffer.read(17)\nos.write(1, b'R')\n"
        "os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    crashing.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(crashing))
        with pytest.raises(UndecodableImage, match="decoder crashed"):
            decoder.decode(image_bytes(kind="TIFF"), LIMITS)
    assert decoder.decode(image_bytes(kind="TIFF"), LIMITS).format == "TIFF"


def test_a_process_that_does_not_start_is_an_internal_error(
    decoder: Decoder, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="did not start"):
        decoder.decode(image_bytes(kind="TIFF"), LIMITS)


def test_the_process_gets_no_credentials(
    decoder: Decoder, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    given: list[dict[str, str]] = []
    popen = subprocess.Popen

    def spy(*args: object, **kwargs: object) -> object:
        given.append(kwargs["env"])  # type: ignore[arg-type]
        return popen(*args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", spy)
    decoder.decode(image_bytes(kind="TIFF"), LIMITS)
    assert not [name for name in given[0] if "AWS" in name]


def test_the_output_of_decoders_is_discarded(capfd: pytest.CaptureFixture[str], image_bytes: ImageBytes) -> None:
    data = bytearray(image_bytes(image=Image.effect_noise((200, 200), 50), kind="TIFF", compression="tiff_lzw"))
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    with pytest.raises(UndecodableImage):
        decode(bytes(data), LIMITS)
    assert "code not yet in table" in capfd.readouterr().err  # libtiff prints it in this process
    with pytest.raises(UndecodableImage):
        decode_in_time(bytes(data), LIMITS)
    assert capfd.readouterr() == ("", "")


def test_threads_take_turns(image_bytes: ImageBytes, gradient: Image.Image) -> None:
    found: dict[int, Image.Image] = {}
    images = {grey: image_bytes(image=Image.new("L", (80, 80), grey), kind="TIFF") for grey in range(0, 200, 20)}

    def run(grey: int) -> None:
        found[grey] = decode_in_time(images[grey], LIMITS).pixels

    threads = [threading.Thread(target=run, args=(grey,)) for grey in images]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {grey: pixels.getextrema() for grey, pixels in found.items()} == {grey: (grey, grey) for grey in images}
    assert process_decoder()._process is not None
