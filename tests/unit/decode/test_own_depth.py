"""Conversion of values to samples, and whole files decoded in their own depth."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import DigitalXRayImageStorageForProcessing

from pneumonia.decode.dispatch import decode
from pneumonia.decode.image import EIGHT_BITS, DecodedImage, Depth
from pneumonia.decode.limits import Limits
from pneumonia.decode.messages import image_in, of_image, read_message
from pneumonia.decode.own_depth import to_samples
from pneumonia.errors import ForProcessing, MultiFrame, NotARadiograph, TooLarge
from tests.conftest import ImageBytes
from tests.unit.decode.conftest import DicomBytes, film12

LIMITS = Limits()


def samples(image: DecodedImage) -> np.ndarray:
    """Return the pixels as integers, shifted down by the unused bits."""
    pixels = np.asarray(image.pixels)
    return pixels.astype(int) >> (8 * pixels.dtype.itemsize - image.depth.bits)


def shown(data: bytes, limits: Limits = LIMITS) -> DecodedImage:
    return decode(data, limits, own_depth=True)


class TestSamples:
    def test_values_are_shifted_to_the_highest_bits(self) -> None:
        found, depth = to_samples(np.array([[0, 1000, 4095]], np.uint16), (100.0, 3000.0), 12)
        assert found.dtype == np.uint16
        assert (found.tolist(), depth) == ([[0, 16000, 65520]], Depth(12, 1600, 48000))

    def test_a_negative_is_inverted_with_its_window(self) -> None:
        found, depth = to_samples(np.array([[0, 255]], np.uint8), (10.0, 200.0), 8, negative=True)
        assert (found.tolist(), depth) == ([[255, 0]], Depth(8, 55, 245))

    @pytest.mark.parametrize(
        ("values", "bits", "wanted"),
        [
            (np.array([[-1024, 3071]], np.int16), 12, 12),
            (np.array([[-32768, 32767]], np.int16), 16, 16),
            (np.array([[70_000, 70_200]], np.int32), 0, 8),
            (np.array([[0, 5000]], np.uint16), 12, 13),  # more than the file says
            (np.array([[3, 3]], np.uint8), 0, 2),
            (np.array([[0, 0]], np.uint16), 0, 1),
        ],
    )
    def test_differences_are_kept_exactly(self, values: np.ndarray, bits: int, wanted: int) -> None:
        found, depth = to_samples(values, (float(values.min()), float(values.max())), bits)
        assert depth.bits == wanted
        back = found.astype(int) >> (8 * found.dtype.itemsize - wanted)
        assert (np.diff(back) == np.diff(values.astype(int))).all()
        assert (depth.black, depth.white) == (found.min(), found.max())

    @pytest.mark.parametrize("values", [np.array([[-1.5, 0.0, 1.5]], np.float32), np.array([[0, 50_000, 100_000]])])
    def test_values_that_do_not_fit_are_scaled(self, values: np.ndarray) -> None:
        found, depth = to_samples(values, (float(values[0, 0]), float(values[0, 1])))
        assert found.tolist()[0] == pytest.approx([0, 32768, 65535], abs=1)
        assert (depth.bits, depth.black) == (16, 0)
        assert depth.white == pytest.approx(32768, abs=1)

    def test_one_value_alone(self) -> None:
        found, depth = to_samples(np.full((2, 2), 0.5, np.float32), (0.5, 0.5))
        assert (found.tolist(), depth.bits) == ([[0, 0], [0, 0]], 16)


class TestDicom:
    def test_all_twelve_bits_are_decoded(self, dicom_bytes: DicomBytes) -> None:
        image = shown(dicom_bytes())
        assert (image.pixels.mode, image.depth.bits) == ("I;16", 12)
        assert np.array_equal(samples(image), film12())

    def test_the_window_is_the_same_as_in_the_prediction(self, dicom_bytes: DicomBytes) -> None:
        image = shown(dicom_bytes(WindowCenter=3000.5, WindowWidth=7601, RescaleSlope=2, RescaleIntercept=-1000))
        # -800 and 6800 after the rescale are 100 and 3900 before it, times 16.
        assert (image.depth.black, image.depth.white) == (1600, 62_400)
        assert np.array_equal(samples(image), film12())

    def test_it_looks_like_the_eight_bits_of_the_prediction(self, dicom_bytes: DicomBytes) -> None:
        for elements in ({}, {"PhotometricInterpretation": "MONOCHROME1"}, {"WindowCenter": 1500, "WindowWidth": 2000},
                         {"RescaleSlope": -1, "RescaleIntercept": 4000}):  # fmt: skip
            data = dicom_bytes(**elements)
            image, eight = shown(data), np.asarray(decode(data, LIMITS).pixels, float)
            black, white = image.depth.black, image.depth.white
            grey = np.clip((np.asarray(image.pixels, float) - black) / (white - black), 0, 1) * 255
            assert np.abs(grey - eight).max() <= 1, elements

    def test_padding_is_as_dark_as_the_image(self, dicom_bytes: DicomBytes) -> None:
        pixels = film12()
        pixels[:5] = 4095
        image = shown(dicom_bytes(pixels, PixelPaddingValue=4095))
        assert samples(image)[:5].max() == pixels[5:].min()

    def test_padding_of_a_negative_is_as_dark_as_the_image(self, dicom_bytes: DicomBytes) -> None:
        pixels = film12()
        pixels[:5] = 0
        image = shown(dicom_bytes(pixels, PixelPaddingValue=0, PhotometricInterpretation="MONOCHROME1"))
        assert np.unique(samples(image)[:5]).tolist() == [samples(image)[5:].min()]

    def test_a_modality_table(self, dicom_bytes: DicomBytes) -> None:
        table = Dataset()
        table.LUTDescriptor = [4096, 0, 16]
        table.LUTData = (16 * np.arange(4096, dtype=np.uint16)).tobytes()
        table.ModalityLUTType = "OD"
        image = shown(dicom_bytes(ModalityLUTSequence=[table]))
        assert (np.diff(samples(image).astype(int), axis=1) == 16 * np.diff(film12().astype(int), axis=1)).all()

    def test_eight_bits_and_colour_stay(self, dicom_bytes: DicomBytes) -> None:
        grey = (film12() // 16).astype(np.uint8)
        assert np.array_equal(np.asarray(shown(dicom_bytes(grey)).pixels), grey)
        image = shown(dicom_bytes(np.stack([grey] * 3, axis=-1)))
        assert (image.pixels.mode, image.depth) == ("L", EIGHT_BITS)

    @pytest.mark.parametrize(
        ("elements", "error"),
        [
            ({"Modality": "CT"}, NotARadiograph),
            ({"PresentationIntentType": "FOR PROCESSING"}, ForProcessing),
            ({"SOPClassUID": DigitalXRayImageStorageForProcessing}, ForProcessing),
        ],
    )
    def test_an_image_that_is_not_an_xray_is_shown_anyway(
        self, dicom_bytes: DicomBytes, elements: dict[str, Any], error: type[Exception]
    ) -> None:
        data = dicom_bytes(**elements)
        with pytest.raises(error):
            decode(data, LIMITS)
        assert np.array_equal(samples(shown(data)), film12())

    def test_the_first_of_several_frames_is_shown(self, dicom_bytes: DicomBytes) -> None:
        frames = np.stack([film12(), film12() // 2])
        data = dicom_bytes(frames[0], NumberOfFrames=2)
        data = data.replace(film12().tobytes(), frames.tobytes())
        # Change the length of the pixels, which precedes them.
        length = len(frames[0].tobytes())
        place = data.rindex(length.to_bytes(4, "little"))
        data = data[:place] + (2 * length).to_bytes(4, "little") + data[place + 4 :]
        with pytest.raises(MultiFrame):
            decode(data, LIMITS)
        assert np.array_equal(samples(shown(data)), film12())

    def test_the_limits_hold(self, dicom_bytes: DicomBytes) -> None:
        with pytest.raises(TooLarge):
            shown(dicom_bytes(), replace(LIMITS, max_image_pixels=5000))


class TestRaster:
    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_sixteen_bits(self, image_bytes: ImageBytes, kind: str) -> None:
        values = film12().astype(np.uint16)
        image = shown(image_bytes(image=Image.fromarray(values), kind=kind))
        assert np.array_equal(samples(image), values)
        assert image.depth.bits == 12

    def test_a_tiff_whose_lowest_value_is_white(self) -> None:
        stream = io.BytesIO()
        Image.fromarray(film12()).save(stream, "TIFF", tiffinfo={262: 0})
        data = stream.getvalue()
        eight, image = np.asarray(decode(data, LIMITS).pixels, int), samples(shown(data))
        assert np.corrcoef(eight.ravel(), image.ravel())[0, 1] > 0.99

    def test_real_numbers(self, image_bytes: ImageBytes) -> None:
        values = film12().astype(np.float32) / 4095
        values[0, 0] = np.nan
        image = shown(image_bytes(image=Image.fromarray(values), kind="TIFF"))
        assert (image.pixels.mode, image.depth.bits) == ("I;16", 16)

    def test_eight_bits_stay_and_are_upright(self, image_bytes: ImageBytes) -> None:
        picture = Image.linear_gradient("L").resize((96, 64))
        exif = Image.Exif()
        exif[0x0112] = 6
        image = shown(image_bytes(image=picture, exif=exif))
        assert (image.pixels.mode, image.depth, image.pixels.size) == ("L", EIGHT_BITS, (64, 96))

    def test_a_jpeg_keeps_its_size(self, image_bytes: ImageBytes) -> None:
        picture = Image.linear_gradient("L").resize((1600, 1200))
        assert shown(image_bytes(image=picture, kind="JPEG")).pixels.size == (1600, 1200)

    def test_the_first_of_several_pages_is_shown(self) -> None:
        pages = [Image.fromarray(film12() // factor) for factor in (1, 2)]
        stream = io.BytesIO()
        pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
        with pytest.raises(MultiFrame):
            decode(stream.getvalue(), LIMITS)
        assert np.array_equal(samples(shown(stream.getvalue())), film12())


def test_it_comes_through_a_message(dicom_bytes: DicomBytes) -> None:
    image = shown(dicom_bytes(film12(700, 900)))
    parts = list(of_image(image))
    assert len(parts) == 2 + 2
    found = image_in(*read_message(io.BytesIO(b"".join(parts)).read))
    assert (found.pixels.mode, found.depth) == ("I;16", image.depth)
    assert np.array_equal(np.asarray(found.pixels), np.asarray(image.pixels))
