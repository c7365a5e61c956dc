"""DICOM files: encodings, photometric interpretation, refusals, and the facts in the response."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForProcessing,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    RLELossless,
)

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.errors import ForProcessing, MultiFrame, NotARadiograph, TooLarge, UndecodableImage
from tests.unit.decode.conftest import PATIENT, SOP_UID, STUDY_UID, DicomBytes, dataset_of, encoded, film12
from tests.unit.decode.jpeg12_writer import jpeg12

LIMITS = Limits(max_image_bytes=10_000_000, max_image_pixels=1_000_000)
EXPECTED = np.rint((film12().astype(float) - film12().min()) * 255 / (int(film12().max()) - int(film12().min())))


def grey(data: bytes) -> np.ndarray:
    return np.asarray(decode(data, LIMITS).pixels, dtype=float)


@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
    ids=lambda uid: uid.keyword,
)
def test_uncompressed_encodings_give_the_same_image(dicom_bytes: DicomBytes, syntax: str) -> None:
    image = decode(dicom_bytes(syntax=syntax), LIMITS)
    assert (image.format, image.width, image.height, image.pixels.mode) == ("DICOM", 80, 96, "L")
    assert np.array_equal(np.asarray(image.pixels, float), EXPECTED)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless], ids=lambda uid: uid.keyword)
def test_lossless_compression_gives_the_same_image(syntax: str) -> None:
    dataset = dataset_of(film12())
    dataset.compress(syntax)
    assert np.array_equal(grey(encoded(dataset)), EXPECTED)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=lambda uid: uid.keyword)
def test_a_file_without_preamble_and_meta_group(syntax: str) -> None:
    dataset = dataset_of(film12(), syntax)
    dataset.preamble = None
    assert np.array_equal(grey(encoded(dataset)), EXPECTED)


def test_a_file_that_begins_like_a_tiff_is_read_as_dicom() -> None:
    dataset = dataset_of(film12())
    dataset.preamble = b"II*\0" + b"\0" * 124
    assert decode(encoded(dataset), LIMITS).format == "DICOM"


def test_monochrome1_is_inverted_after_everything_else(dicom_bytes: DicomBytes) -> None:
    image = decode(dicom_bytes(PhotometricInterpretation="MONOCHROME1"), LIMITS)
    assert np.array_equal(np.asarray(image.pixels, float), 255 - EXPECTED)
    assert image.to_json()["inverted"] is True
    assert image.to_json()["photometric_interpretation"] == "MONOCHROME1"


def test_signed_values_and_rescale(dicom_bytes: DicomBytes) -> None:
    signed = film12().astype(np.int16) - 2000
    data = dicom_bytes(signed, BitsStored=16, HighBit=15, RescaleSlope=2, RescaleIntercept=-1024)
    assert np.array_equal(grey(data), EXPECTED)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_dark_and_excluded_from_the_range(dicom_bytes: DicomBytes, photometric: str) -> None:
    pixels = film12()
    pixels[:, :10] = 4095
    inverted = photometric == "MONOCHROME1"
    data = dicom_bytes(pixels, PixelPaddingValue=4095, PhotometricInterpretation=photometric)
    values = pixels[:, 10:].astype(float)
    shown = np.rint((values - values.min()) * 255 / (values.max() - values.min()))
    assert np.array_equal(grey(data)[:, 10:], 255 - shown if inverted else shown)
    assert not grey(data)[:, :10].any()


def test_8_bits_and_colour_captures(dicom_bytes: DicomBytes) -> None:
    eight = (film12() // 16).astype(np.uint8)
    assert grey(dicom_bytes(eight)).max() == 255
    colour = np.stack([eight] * 3, axis=-1)
    assert np.array_equal(grey(dicom_bytes(colour)), eight.astype(float))


def test_a_voi_lut_is_looked_up(dicom_bytes: DicomBytes) -> None:
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 12]
    table.LUTData = np.linspace(4095, 0, 4096).astype(np.uint16).tolist()
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    found = grey(dicom_bytes(VOILUTSequence=Sequence([table])))
    assert np.abs(found - 255 * (1 - film12() / 4095)).max() <= 1


def test_a_modality_lut_comes_before_the_window(dicom_bytes: DicomBytes) -> None:
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 16]
    table.LUTData = (60_000 - 10 * np.arange(4096)).astype(np.uint16).tolist()
    table.ModalityLUTType = "US"
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    sequence = Sequence([table])
    plain = decode(dicom_bytes(ModalityLUTSequence=sequence), LIMITS)
    assert np.abs(np.asarray(plain.pixels, float) - (255 - EXPECTED)).max() <= 1
    through = decode(dicom_bytes(ModalityLUTSequence=sequence, WindowCenter=40_000, WindowWidth=40_000), LIMITS)
    looked_up = 60_000 - 10 * film12().astype(float)
    assert np.abs(np.asarray(through.pixels, float) - 255 * ((looked_up - 39_999.5) / 39_999 + 0.5)).max() <= 1


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_windows_of_every_function_after_rescale(dicom_bytes: DicomBytes, function: str) -> None:
    elements = {"RescaleSlope": 0.5, "RescaleIntercept": -100, "WindowCenter": [800, 5], "WindowWidth": [1500, 9]}
    image = decode(dicom_bytes(**elements, VOILUTFunction=function, WindowCenterWidthExplanation=["A", "B"]), LIMITS)
    values = film12() * 0.5 - 100.0
    shown = {
        "LINEAR": (values - 799.5) / 1499 + 0.5,
        "LINEAR_EXACT": (values - 800) / 1500 + 0.5,
        "SIGMOID": 1 / (1 + np.exp(-4 * (values - 800) / 1500)),
    }[function]
    assert np.abs(np.asarray(image.pixels, float) - 255 * np.clip(shown, 0, 1)).max() <= 1
    assert image.to_json()["window"] == {"center": 800.0, "width": 1500.0, "function": function}


def test_a_range_of_padding(dicom_bytes: DicomBytes) -> None:
    pixels = film12()
    pixels[:, :10] = np.arange(4000, 4010)
    shown = grey(dicom_bytes(pixels, PixelPaddingValue=4095, PixelPaddingRangeLimit=3990))
    values = pixels[:, 10:].astype(float)
    assert np.array_equal(shown[:, 10:], np.rint((values - values.min()) * 255 / (values.max() - values.min())))
    assert not shown[:, :10].any()


@pytest.mark.parametrize("stored", [8, 10, 12, 14, 16])
def test_every_depth_fills_the_greys(dicom_bytes: DicomBytes, stored: int) -> None:
    pixels = (film12().astype(np.uint32) * (2**stored - 1) // 4095).astype(np.uint16)
    shown = grey(dicom_bytes(pixels, BitsStored=stored, HighBit=stored - 1))
    assert (shown.min(), shown.max()) == (0, 255)
    assert np.abs(shown - EXPECTED).max() <= 2


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_12_bit_jpeg_extended_is_read(photometric: str) -> None:
    values = np.repeat(np.repeat(film12()[::8, ::8], 8, 0), 8, 1)
    dataset = dataset_of(values, JPEGExtended12Bit, PhotometricInterpretation=photometric)
    plain = grey(encoded(dataset_of(values, PhotometricInterpretation=photometric)))
    dataset.PixelData = encapsulate([jpeg12(values)])
    assert np.array_equal(grey(encoded(dataset)), plain)


def test_truncated_12_bit_jpeg_extended_is_refused() -> None:
    values = np.repeat(np.repeat(film12()[::8, ::8], 8, 0), 8, 1)
    dataset = dataset_of(values, JPEGExtended12Bit)
    dataset.PixelData = encapsulate([jpeg12(values)[:-20]])
    with pytest.raises(UndecodableImage, match="truncated"):
        decode(encoded(dataset), LIMITS)


def test_a_lossy_sample_above_the_maximum_stays_bright() -> None:
    values = np.repeat(np.repeat(film12()[::8, ::8] // 4, 8, 0), 8, 1)
    values[:8, :8] = 1023
    plain = grey(encoded(dataset_of(values, BitsStored=10, HighBit=9)))
    values[:8, :8] = 1024
    dataset = dataset_of(values, JPEGExtended12Bit, BitsStored=10, HighBit=9)
    dataset.PixelData = encapsulate([jpeg12(values)])
    assert np.array_equal(grey(encoded(dataset)), plain)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
@pytest.mark.parametrize(("stored", "high"), [(12, 15), (12, 13), (12, 11), (10, 12)])
def test_values_are_read_where_the_high_bit_says(syntax: str, stored: int, high: int) -> None:
    """The bits around the values contain graphics, like overlay planes."""
    values = film12() >> (12 - stored)
    shift = high - (stored - 1)
    graphics = np.where(np.arange(80) % 7 == 0, 0xFFFF, 0).astype(np.uint16) & np.uint16(
        0xFFFF & ~((2**stored - 1) << shift)
    )
    dataset = dataset_of((values << shift) | graphics, BitsStored=stored, HighBit=high)
    if syntax == RLELossless:
        dataset.compress(syntax)
    elif syntax == ExplicitVRBigEndian:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        dataset.PixelData = ((values << shift) | graphics).byteswap().tobytes()
    assert np.abs(grey(encoded(dataset)) - EXPECTED).max() <= 1


def test_a_window_applies_to_the_values_after_the_high_bit(dicom_bytes: DicomBytes) -> None:
    window = {"WindowCenter": 2000, "WindowWidth": 3600}
    shifted = dicom_bytes(film12() << 4, HighBit=15, **window)
    assert np.array_equal(grey(shifted), grey(dicom_bytes(**window)))


@pytest.mark.parametrize(
    "elements",
    [
        {"PixelAspectRatio": [2, 1]},
        {"PixelAspectRatio": [0, 0]},
        {"PixelSpacing": [0.1, 0.4]},
        {"ImagerPixelSpacing": [0.2, 0.1]},
        {"NominalScannedPixelSpacing": [1, 5]},
        {"PixelSpacing": [0, 0], "EstimatedRadiographicMagnificationFactor": 3},
    ],
    ids=lambda elements: "-".join(elements),
)
def test_the_size_and_shape_of_a_pixel_change_nothing(dicom_bytes: DicomBytes, elements: dict[str, Any]) -> None:
    plain, found = decode(dicom_bytes(), LIMITS), decode(dicom_bytes(**elements), LIMITS)
    assert np.array_equal(np.asarray(found.pixels), np.asarray(plain.pixels))
    assert found.to_json() == plain.to_json()


def test_the_result_describes_the_decoding_but_not_the_patient(dicom_bytes: DicomBytes) -> None:
    image = decode(dicom_bytes(WindowCenter=2000, WindowWidth=3000, BurnedInAnnotation="YES"), LIMITS).to_json()
    assert image == {
        "format": "DICOM",
        "width": 80,
        "height": 96,
        "photometric_interpretation": "MONOCHROME2",
        "bits_stored": 12,
        "window": {"center": 2000.0, "width": 3000.0, "function": "LINEAR"},
        "inverted": False,
        "sop_instance_uid": SOP_UID,
        "study_instance_uid": STUDY_UID,
        "warnings": ["burned_in_annotation"],
    }


def test_a_name_in_place_of_a_uid_is_omitted(dicom_bytes: DicomBytes) -> None:
    data = dicom_bytes(StudyInstanceUID="DOE JANE")
    assert decode(data, LIMITS).to_json()["study_instance_uid"] is None


@pytest.mark.parametrize(
    ("elements", "error"),
    [
        ({"Modality": "CT"}, NotARadiograph),
        ({"Modality": "MG"}, NotARadiograph),
        ({"PresentationIntentType": "FOR PROCESSING"}, ForProcessing),
        ({"SOPClassUID": DigitalXRayImageStorageForProcessing}, ForProcessing),
        ({"NumberOfFrames": 2}, MultiFrame),
        ({"Rows": 60_000, "Columns": 60_000}, TooLarge),
        ({"Rows": 97}, UndecodableImage),
        ({"PhotometricInterpretation": "HSV"}, UndecodableImage),
        ({"Rows": None}, UndecodableImage),
        ({"BitsStored": 17}, UndecodableImage),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, dict) else value.__name__,
)
def test_refusals(dicom_bytes: DicomBytes, elements: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error) as refused:
        decode(dicom_bytes(**elements), LIMITS)
    assert not any(part in str(refused.value) for part in PATIENT)


def test_more_frames_are_a_setting(dicom_bytes: DicomBytes) -> None:
    both = np.concatenate([film12(), film12()[::-1]])
    data = dicom_bytes(both, Rows=96, NumberOfFrames=2)
    image = decode(data, Limits(10_000_000, 1_000_000, max_frames=2))
    assert np.array_equal(np.asarray(image.pixels, float), EXPECTED)
    assert image.warnings == ("first_of_several_frames",)


def test_an_unknown_modality_is_a_warning(dicom_bytes: DicomBytes) -> None:
    assert decode(dicom_bytes(Modality=None), LIMITS).warnings == ("modality_unknown",)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_truncated(dicom_bytes: DicomBytes, share: float) -> None:
    data = dicom_bytes()
    with pytest.raises(UndecodableImage, match=r"truncated|no pixel data"):
        decode(data[: int(len(data) * share)], LIMITS)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("rtplan.dcm", NotARadiograph),
        ("CT_small.dcm", NotARadiograph),
        ("MR_small_bigendian.dcm", NotARadiograph),
        ("reportsi.dcm", NotARadiograph),
        ("SC_rgb_rle_2frame.dcm", MultiFrame),
        ("nested_priv_SQ.dcm", UndecodableImage),
        ("priv_SQ.dcm", UndecodableImage),
    ],
)
def test_files_of_other_kinds(name: str, error: type[Exception]) -> None:
    path = get_testdata_file(name, download=False)
    with pytest.raises(error):
        decode(Path(str(path)).read_bytes(), LIMITS)


@pytest.mark.parametrize(
    "name",
    ["SC_rgb_jpeg_gdcm.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_rle_16bit.dcm", "image_dfl.dcm",
     "SC_rgb_jls_lossy_line.dcm", "SC_ybr_full_422_uncompressed.dcm", "JPEGLSNearLossless_16.dcm",
     "SC_rgb_small_odd_big_endian.dcm"],
)  # fmt: skip
def test_captures_of_every_compression(name: str) -> None:
    path = get_testdata_file(name, download=False)
    image = decode(Path(str(path)).read_bytes(), LIMITS)
    assert image.format == "DICOM"
    assert np.ptp(np.asarray(image.pixels)) > 50


def test_slope_and_intercept_may_be_empty(dicom_bytes: DicomBytes) -> None:
    assert np.array_equal(grey(dicom_bytes(RescaleSlope="", RescaleIntercept="")), EXPECTED)


def test_a_window_with_decimal_commas() -> None:
    dataset = dataset_of(film12())
    for tag, text in ((0x00281050, b"2000,0"), (0x00281051, b"3000,0")):
        dataset[tag] = RawDataElement(Tag(tag), "DS", len(text), text, 0, False, True)
    assert decode(encoded(dataset), LIMITS).to_json()["window"] == {
        "center": 2000.0, "width": 3000.0, "function": "LINEAR",
    }  # fmt: skip


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_window_that_whitens_the_image_is_ignored(dicom_bytes: DicomBytes, photometric: str) -> None:
    center = 900 if photometric == "MONOCHROME2" else 3100
    data = dicom_bytes(WindowCenter=center, WindowWidth=1200, PhotometricInterpretation=photometric)
    decoded = decode(data, LIMITS)
    assert decoded.warnings == ("window_ignored",)
    shown = np.asarray(decoded.pixels, float)
    assert np.array_equal(255 - shown if photometric == "MONOCHROME1" else shown, EXPECTED)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_window_that_whitens_an_unexposed_border_is_applied(dicom_bytes: DicomBytes, photometric: str) -> None:
    """The border has noise and takes a third of the middle, but contains no part of the X-ray."""
    pixels = np.random.default_rng(0).integers(3900, 4090, (96, 80)).astype(np.uint16)
    pixels[18:-18, 15:-15] = film12()[18:-18, 15:-15] * 9 // 10
    values = pixels if photometric == "MONOCHROME2" else 4095 - pixels
    center = 1750 if photometric == "MONOCHROME2" else 4095 - 1750
    window = {"WindowCenter": center, "WindowWidth": 3500, "PhotometricInterpretation": photometric}
    decoded = decode(dicom_bytes(values, **window), LIMITS)
    assert decoded.warnings == ()
    assert np.abs(np.asarray(decoded.pixels, float) - np.clip(pixels / 3500 * 255, 0, 255)).max() <= 1


def test_a_table_that_declares_16_bits_and_uses_12(dicom_bytes: DicomBytes) -> None:
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 16]
    table.LUTData = np.arange(4096).tolist()
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    assert np.abs(grey(dicom_bytes(VOILUTSequence=Sequence([table]))) - EXPECTED).max() <= 1


def test_16_bits_of_colour_keep_their_low_bytes(dicom_bytes: DicomBytes) -> None:
    colour = np.stack([film12()] * 3, axis=-1)
    assert np.abs(grey(dicom_bytes(colour, BitsStored=16, HighBit=15)) - EXPECTED).max() <= 1


def test_a_meta_group_in_implicit_encoding_is_read() -> None:
    dataset = dataset_of(film12(), ImplicitVRLittleEndian)
    data = encoded(dataset)
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, True
    write_dataset(stream, Dataset({element.tag: element for element in dataset.file_meta}))
    start = data.index(b"\x08\0\x16\0")
    assert np.array_equal(grey(data[:132] + stream.getvalue() + data[start:]), EXPECTED)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless], ids=lambda uid: uid.keyword)
def test_fragments_without_a_delimiter_are_read_and_truncated_ones_are_not(syntax: str) -> None:
    dataset = dataset_of(film12())
    dataset.compress(syntax)
    data = encoded(dataset)
    assert data.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0")
    assert np.array_equal(grey(data[:-8]), EXPECTED)
    with pytest.raises(UndecodableImage, match="truncated: it ends before its pixels are complete"):
        decode(data[:-40], LIMITS)


def test_truncated_uncompressed_pixels_are_reported(dicom_bytes: DicomBytes) -> None:
    with pytest.raises(UndecodableImage, match="truncated: it ends before its pixels are complete"):
        decode(dicom_bytes()[:-5000], LIMITS)


def test_missing_elements_are_named(dicom_bytes: DicomBytes) -> None:
    with pytest.raises(UndecodableImage, match=r"Rows, BitsStored missing"):
        decode(dicom_bytes(Rows=None, BitsStored=None), LIMITS)


def test_a_missing_photometric_interpretation_is_named(dicom_bytes: DicomBytes) -> None:
    with pytest.raises(UndecodableImage, match="PhotometricInterpretation is missing"):
        decode(dicom_bytes(PhotometricInterpretation=None), LIMITS)


def test_8_bits_of_jpeg_for_pixels_of_16() -> None:
    eight = Image.fromarray((film12() // 16).astype(np.uint8))
    stream = io.BytesIO()
    eight.save(stream, "JPEG", quality=98)
    dataset = dataset_of(film12(), JPEGBaseline8Bit, BitsStored=8, HighBit=7)
    dataset.PixelData = encapsulate([stream.getvalue()])
    assert np.abs(grey(encoded(dataset)) - EXPECTED).max() <= 6
