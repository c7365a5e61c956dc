import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from pneumonia.model.card import Card
from pneumonia.model.heatmap import (
    INFERNO,
    LEGEND_HEIGHT,
    MAX_OPACITY,
    MAX_SIDE,
    MIN_WIDTH,
    colours,
    evidence_map,
    heat_of,
    overlay,
)


def image_part(png: bytes, width: int, height: int) -> np.ndarray:
    image = Image.open(io.BytesIO(png))
    assert (image.format, image.mode) == ("PNG", "RGB")
    assert image.size == (max(width, MIN_WIDTH), height + LEGEND_HEIGHT)
    left = (image.width - width) // 2
    return np.asarray(image, int)[:height, left : left + width]


def test_colour_is_where_the_evidence_is() -> None:
    activation = np.zeros((4, 4), np.float32)
    activation[0, 3] = 1.0
    drawn = image_part(overlay(Image.new("L", (256, 256), 60), activation), 256, 256)
    assert drawn[10, 245, 0] > drawn[10, 245, 2] + 50  # warm in the upper right corner
    assert (drawn[128:, :128] == 60).all()  # unchanged in the lower left quarter


def test_without_evidence_the_image_is_unchanged(gradient: Image.Image) -> None:
    drawn = image_part(overlay(gradient, np.zeros((4, 4), np.float32)), 64, 48)
    assert np.array_equal(drawn, np.asarray(gradient.convert("RGB"), int))


def test_heat_has_one_scale_for_all_images(card: Card) -> None:
    activation = np.array([[-5.0, 0.0], [card.full_scale / 2, card.full_scale * 3]], np.float32)
    assert heat_of(activation, 0.8, card).tolist() == [[0.0, 0.0], [0.5, 1.0]]
    assert np.allclose(heat_of(activation / np.float32(2), 0.8, card), [[0.0, 0.0], [0.25, 1.0]])


def test_heat_fades_below_the_rule_out_threshold(card: Card) -> None:
    activation = np.full((2, 2), card.full_scale, np.float32)
    rule_out = card.operating_points.rule_out
    assert np.allclose(heat_of(activation, rule_out, card), 1)
    assert np.allclose(heat_of(activation, rule_out / 4, card), 0.25)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((2000, 1000), (512, 256)), ((100, 1024), (50, 512)), ((64, 48), (64, 48)), ((3000, 2), (512, 1))],
)
def test_longest_side_is_limited(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert max(expected) <= MAX_SIDE
    image_part(overlay(Image.new("L", size, 10), np.ones((2, 2), np.float32)), *expected)


def test_legend_runs_from_the_first_to_the_last_colour() -> None:
    png = overlay(Image.new("L", (300, 100), 0), np.zeros((2, 2), np.float32))
    legend = np.asarray(Image.open(io.BytesIO(png)), int)[100:]
    assert legend[10, 8].tolist() == INFERNO[0].tolist()
    assert legend[10, 300 - 9].tolist() == INFERNO[-1].tolist()
    assert (legend[20:] > 200).any()  # the texts


def test_colour_map_gets_lighter_all_the_way() -> None:
    rgb = colours(np.linspace(0, 1, 256, dtype=np.float32))
    lightness = rgb @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) > 0).all()


def test_every_pixel_is_grey_and_colour_mixed_by_the_heat() -> None:
    image = Image.linear_gradient("L")
    for heat in (0.2, 0.6, 1.0):
        drawn = image_part(overlay(image, np.full((3, 3), heat, np.float32)), 256, 256)
        opacity = MAX_OPACITY * heat
        grey = np.asarray(image, float)[:, :, np.newaxis]
        wanted = grey * (1 - opacity) + colours(np.full((1, 1), heat, np.float32)) * opacity
        assert np.abs(drawn - wanted).max() <= 1


def test_a_large_image_is_averaged_before_it_is_drawn() -> None:
    checks = np.indices((1024, 1024)).sum(axis=0) % 2 * 200
    drawn = image_part(overlay(Image.fromarray(checks.astype(np.uint8)), np.zeros((2, 2), np.float32)), 512, 512)
    assert (drawn == 100).all()


def test_the_image_is_not_changed(gradient: Image.Image) -> None:
    before = gradient.tobytes()
    overlay(gradient, np.ones((4, 4), np.float32))
    assert gradient.tobytes() == before


def test_the_lung_map_goes_with_the_picture_and_is_not_drawn() -> None:
    image, heat = Image.new("L", (100, 80), 60), np.full((2, 2), 0.5, np.float32)
    lungs = np.array([[0, 0.5, 1], [1.2, -0.1, 0.2]], np.float32)
    with (
        Image.open(io.BytesIO(overlay(image, heat, lungs))) as marked,
        Image.open(io.BytesIO(overlay(image, heat))) as plain,
    ):
        assert isinstance(marked, PngImageFile)
        assert isinstance(plain, PngImageFile)
        assert marked.text == {"Lungs": "3 2 0080ffff0033"}
        assert plain.text == {}
        assert np.array_equal(np.asarray(marked), np.asarray(plain))


def test_the_map_has_the_drawn_values_row_by_row() -> None:
    heat, lungs = np.array([[0, 1, 0.5]], np.float32), np.array([[1.2], [-0.1]], np.float32)
    assert evidence_map(heat, lungs) == {
        "width": 3,
        "height": 1,
        "heat": [0, 255, 128],
        "lungs": {"width": 1, "height": 2, "share": [255, 0]},
    }
    assert evidence_map(heat, None)["lungs"] is None
