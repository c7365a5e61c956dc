"""The outcomes of pydicom's test files: those in its wheel that are radiographs, or compressed in any family."""

import re
import warnings
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from pydicom import dcmread
from pydicom.uid import UID

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.errors import PneumoniaError

FILES = Path(pydicom.data.__file__).parent / "test_files"

READ = "read"
OTHER, DAMAGED, SEVERAL = "not_a_radiograph", "undecodable_image", "multi_frame"

# They contain no DX image, and three CR images of 16 x 16 pixels.
OUTCOMES = {
    "dicomdirtests/77654033/CR1/6154": READ,
    "dicomdirtests/77654033/CR2/6247": READ,
    "dicomdirtests/77654033/CR3/6278": READ,
    # JPEG baseline
    "SC_jpeg_no_color_transform.dcm": READ,
    "SC_jpeg_no_color_transform_2.dcm": READ,
    "SC_rgb_dcmtk_+eb+cr.dcm": READ,
    "SC_rgb_dcmtk_+eb+cy+n1.dcm": READ,
    "SC_rgb_dcmtk_+eb+cy+n2.dcm": READ,
    "SC_rgb_dcmtk_+eb+cy+np.dcm": READ,
    "SC_rgb_dcmtk_+eb+cy+s2.dcm": READ,
    "SC_rgb_dcmtk_+eb+cy+s4.dcm": READ,
    "SC_rgb_jpeg.dcm": READ,
    "SC_rgb_jpeg_app14_dcmd.dcm": READ,
    "SC_rgb_jpeg_dcmtk.dcm": READ,
    "SC_rgb_jpeg_lossy_gdcm.dcm": READ,
    "SC_rgb_small_odd_jpeg.dcm": READ,
    "examples_ybr_color.dcm": OTHER,
    # JPEG extended of 12 bits
    "JPEG-lossy.dcm": OTHER,
    "JPGExtended.dcm": OTHER,
    # JPEG lossless
    "SC_rgb_jpeg_gdcm.dcm": READ,
    "UN_sequence.dcm": DAMAGED,  # it contains no pixels
    # JPEG-LS
    "JPEGLSNearLossless_08.dcm": READ,
    "JPEGLSNearLossless_16.dcm": READ,
    "MR_small_jpeg_ls_lossless.dcm": OTHER,
    "SC_rgb_jls_lossy_line.dcm": READ,
    "SC_rgb_jls_lossy_sample.dcm": READ,
    # JPEG 2000
    "693_J2KI.dcm": OTHER,
    "GDCMJ2K_TextGBR.dcm": READ,
    "J2K_pixelrep_mismatch.dcm": OTHER,
    "JPEG2000-embedded-sequence-delimiter.dcm": OTHER,
    "JPEG2000.dcm": OTHER,
    "MR_small_jp2klossless.dcm": OTHER,
    "SC_rgb_gdcm_KY.dcm": READ,
    "examples_jpeg2k.dcm": OTHER,
    # RLE
    "MR_small_RLE.dcm": OTHER,
    "SC_rgb_rle.dcm": READ,
    "SC_rgb_rle_16bit.dcm": READ,
    "SC_rgb_rle_16bit_2frame.dcm": SEVERAL,
    "SC_rgb_rle_2frame.dcm": SEVERAL,
    "SC_rgb_rle_32bit.dcm": READ,
    "SC_rgb_rle_32bit_2frame.dcm": SEVERAL,
    "rtdose_rle.dcm": OTHER,
    "rtdose_rle_1frame.dcm": OTHER,
}

AS_RADIOGRAPHS = {
    "693_J2KI.dcm": READ,
    "J2K_pixelrep_mismatch.dcm": READ,
    "JPEG-lossy.dcm": READ,
    "JPEG2000-embedded-sequence-delimiter.dcm": DAMAGED,  # pydicom's own decoders fail on its pixels
    "JPEG2000.dcm": READ,
    "JPGExtended.dcm": READ,
    "MR_small_RLE.dcm": READ,
    "MR_small_jp2klossless.dcm": READ,
    "MR_small_jpeg_ls_lossless.dcm": READ,
    "examples_jpeg2k.dcm": READ,
    "examples_ybr_color.dcm": SEVERAL,
}
"""The outcomes of files of other modalities if they were radiographs. Dose files are left out: they are not images."""


def content(name: str, *, radiograph: bool = False) -> bytes:
    """Return a file. `radiograph` sets its modality to CR."""
    data = (FILES / name).read_bytes()
    return re.sub(rb"(\x08\x00\x60\x00(CS\x02\x00|\x02\x00\x00\x00))..", rb"\1CR", data) if radiograph else data


def outcome(data: bytes) -> str:
    try:
        decode(data, Limits())
    except PneumoniaError as error:
        return error.code
    return READ


def is_listed(path: Path) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some files are damaged on purpose
        try:
            dataset = dcmread(path, force=True, stop_before_pixels=True)
        except Exception:
            return False
        syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
        compressed = syntax.is_transfer_syntax and syntax.is_encapsulated
        return bool(compressed or dataset.get("Modality") in ("CR", "DX"))


def test_every_such_file_is_listed() -> None:
    found = {path.relative_to(FILES).as_posix() for path in FILES.rglob("*") if path.is_file() and is_listed(path)}
    assert found == set(OUTCOMES)


@pytest.mark.parametrize(("name", "expected"), OUTCOMES.items(), ids=OUTCOMES)
def test_outcome(name: str, expected: str) -> None:
    assert outcome(content(name)) == expected


@pytest.mark.parametrize(("name", "expected"), AS_RADIOGRAPHS.items(), ids=AS_RADIOGRAPHS)
def test_outcome_if_it_were_a_radiograph(name: str, expected: str) -> None:
    assert outcome(content(name, radiograph=True)) == expected


@pytest.mark.parametrize(
    ("plain", "others"),
    [
        ("MR_small.dcm", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_jpeg_ls_lossless.dcm",
                          "MR_small_implicit.dcm", "MR_small_padded.dcm"]),
        ("SC_rgb_rle.dcm", ["SC_rgb_jpeg_gdcm.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_jls_lossy_sample.dcm",
                            "SC_rgb_gdcm_KY.dcm", "SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_dcmtk_+eb+cy+np.dcm"]),
        ("SC_rgb_rle_16bit.dcm", ["SC_rgb_rle_32bit.dcm"]),
        ("JPEG-lossy.dcm", ["JPGExtended.dcm"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_an_image_is_the_same_in_every_family(plain: str, others: list[str]) -> None:
    expected = np.asarray(decode(content(plain, radiograph=True), Limits()).pixels, float)
    for name in others:
        found = np.asarray(decode(content(name, radiograph=True), Limits()).pixels, float)
        assert np.abs(found - expected).mean() < 0.8, name
