import base64
import io
import re
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import FloatRect, Page, expect

from pneumonia.decode.grey_range import film_range, scale_to_grey
from pneumonia.model import heatmap
from tests import deep_films
from tests.page.actions import SAMPLES, add_images, answered, payload
from tests.page.conftest import Open
from tests.serving import Service

pytestmark = pytest.mark.slow

SEPARATE = """async ([data, width, height]) => {
    const { separate } = await import('/page/heat.js');
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const overlay = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const parts = separate(overlay, { width, height });
    const png = (canvas) => canvas && canvas.toDataURL('image/png').split(',')[1];
    return { plain: png(parts.plain), heat: png(parts.heat), evidence: parts.evidence };
}"""


def separated(page: Page, png: bytes, image: Image.Image) -> tuple[Image.Image, Image.Image | None, bool]:
    data = base64.b64encode(png).decode()
    parts = page.evaluate(SEPARATE, [data, image.width, image.height])
    heat = parts["heat"] and Image.open(io.BytesIO(base64.b64decode(parts["heat"])))
    return Image.open(io.BytesIO(base64.b64decode(parts["plain"]))).convert("L"), heat, parts["evidence"]


FROM_MAP = """async ([map, width, height]) => {
    const { fromMap } = await import('/page/heat.js');
    const { heat, evidence } = fromMap(map, { width, height });
    return [heat.toDataURL('image/png').split(',')[1], evidence];
}"""


@pytest.mark.parametrize("size", [(300, 200), (1024, 700)])
def test_heat_drawn_from_the_map_equals_that_of_the_png(
    open_page: Open, service: Service, size: tuple[int, int]
) -> None:
    page = open_page(service, bypass_csp=True)
    image = Image.new("L", size, 90)
    evidence = np.random.default_rng(5).random((6, 7), np.float32)
    evidence[:, 5:] = 0
    _, from_picture, _ = separated(page, heatmap.overlay(image, evidence), image)
    assert from_picture is not None
    data, found = page.evaluate(FROM_MAP, [heatmap.evidence_map(evidence, None), *size])
    from_map = Image.open(io.BytesIO(base64.b64decode(data)))
    assert found
    assert from_map.size == from_picture.size
    alpha, wanted = (np.asarray(heat, np.float32)[:, :, 3] for heat in (from_map, from_picture))
    assert np.abs(alpha - wanted).mean() < 2  # of 255: the evidence in a picture of 8 bits is no finer
    assert (alpha[:, -size[0] // 20 :] == 0).all()
    cold, found = page.evaluate(FROM_MAP, [heatmap.evidence_map(evidence * 0, None), *size])
    assert not found
    assert not np.asarray(Image.open(io.BytesIO(base64.b64decode(cold))))[:, :, 3].any()


def test_the_evidence_comes_as_numbers_if_the_browser_can_show_the_image(open_page: Open, service: Service) -> None:
    page = open_page(service)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition("heatmap=")[2]))
    add_images(page, SAMPLES[-1])
    answered(page, 1)
    with Image.open(SAMPLES[-1]) as sample:
        image = np.asarray(sample.convert("L")).astype(np.uint16) * 16
    add_images(page, payload("image.dcm", deep_films.dicom(image, 12)))
    answered(page, 2)
    assert [each for each in asked if each] == ["map", "true"]


def ramp(height: int, width: int) -> npt.NDArray[np.float32]:
    return np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))


@pytest.mark.parametrize("size", [(300, 200), (96, 320)])  # (96, 320) is narrower than the legend
def test_image_and_heat_are_separated(open_page: Open, service: Service, size: tuple[int, int]) -> None:
    page = open_page(service, bypass_csp=True)
    width, height = size
    noise = np.random.default_rng(7).integers(0, 256, (height, width), dtype=np.uint8)
    image = Image.fromarray(noise)
    evidence = ramp(height, width)  # as fine as the image, so that nothing is interpolated
    plain, heat, found = separated(page, heatmap.overlay(image, evidence), image)
    assert found
    assert heat is not None
    assert plain.size == heat.size == size
    # Under strong heat 0.4 of the image is left, so a rounding error counts two and a half times.
    difference = np.abs(np.asarray(plain, np.float32) - noise)
    assert difference.mean() < 1
    assert difference.max() <= 8
    alpha = np.asarray(heat, np.float32)[:, :, 3] / 255
    assert np.abs(alpha - evidence).mean() < 0.01
    assert np.abs(alpha - evidence).max() < 0.1  # at the dark end, where it is hardly visible


def test_an_image_without_evidence_stays_unchanged(open_page: Open, service: Service) -> None:
    page = open_page(service, bypass_csp=True)
    noise = np.random.default_rng(7).integers(0, 256, (220, 220), dtype=np.uint8)
    image = Image.fromarray(noise)
    plain, heat, found = separated(page, heatmap.overlay(image, np.zeros((4, 4), np.float32)), image)
    assert not found
    assert heat is not None
    assert not np.asarray(heat)[:, :, 3].any()
    assert np.array_equal(np.asarray(plain), noise)


def test_a_heatmap_of_other_colours_is_shown_unchanged(open_page: Open, service: Service) -> None:
    page = open_page(service, bypass_csp=True)
    stream = io.BytesIO()
    Image.new("RGB", (256, 256 + heatmap.LEGEND_HEIGHT), (20, 200, 40)).save(stream, "PNG")
    plain, heat, found = separated(page, stream.getvalue(), Image.new("L", (256, 256)))
    assert heat is None
    assert found
    assert plain.size == (256, 256)


def test_colours_and_sizes_are_those_of_the_service(open_page: Open, service: Service) -> None:
    page = open_page(service, bypass_csp=True)
    known = page.evaluate(
        "async () => { const known = await import('/page/heat.js');"
        " const { INFERNO, MAX_OPACITY, MAX_SIDE, MIN_WIDTH, LEGEND_HEIGHT } = known;"
        " return { INFERNO, MAX_OPACITY, MAX_SIDE, MIN_WIDTH, LEGEND_HEIGHT }; }"
    )
    assert known["INFERNO"] == heatmap.INFERNO.tolist()
    assert known["MAX_OPACITY"] == heatmap.MAX_OPACITY
    assert known["MAX_SIDE"] == heatmap.MAX_SIDE
    assert known["MIN_WIDTH"] == heatmap.MIN_WIDTH
    assert known["LEGEND_HEIGHT"] == heatmap.LEGEND_HEIGHT


def test_the_slider_fades_the_heatmap(open_page: Open, service: Service) -> None:
    page = one_image(open_page, service)
    slider = page.get_by_role("slider", name="Heatmap")
    heat = page.locator("#heat-layer")
    for percent in (0, 25, 100):
        slider.fill(str(percent))
        expect(heat).to_have_css("opacity", f"{percent / 100:g}")
        expect(page.locator("#opacity-value")).to_have_text(f"{percent}%")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(heat).to_have_css("opacity", "0.99")


def test_the_image_shown_is_the_file_and_the_heatmap_covers_it(open_page: Open, service: Service) -> None:
    page = one_image(open_page, service)
    with Image.open(SAMPLES[-1]) as sample:
        assert np.array_equal(np.asarray(layer(page, "image-layer").convert("L")), np.asarray(sample))
    assert np.asarray(layer(page, "heat-layer"))[:, :, 3].max() > 150
    assert page.locator("#image-layer").bounding_box() == page.locator("#heat-layer").bounding_box()


def test_an_image_that_browsers_show_wrongly_comes_from_the_service(open_page: Open, service: Service) -> None:
    with Image.open(SAMPLES[0]) as sample:
        grey = np.asarray(sample, np.uint16)
    stream = io.BytesIO()
    Image.fromarray(grey * 16).save(stream, "PNG")  # twelve bits used of sixteen: nearly black in a browser
    page = open_page(service)
    add_images(page, payload("deep.png", stream.getvalue()))
    answered(page, 1)
    expect(page.locator("#opacity")).to_be_enabled()
    shown = np.asarray(layer(page, "image-layer").convert("L"), np.float32)
    wanted = scale_to_grey(grey, *film_range(grey)).astype(np.float32)
    assert np.abs(shown - wanted).mean() < 2
    expect(page.locator(".thumbnail.drawn")).to_have_count(1)


def test_zoom_inversion_and_moving_by_mouse(open_page: Open, service: Service) -> None:
    page = one_image(open_page, service)
    canvas = page.locator("#image-layer")
    fitted = width(page)
    page.get_by_role("button", name="Zoom in").click()
    expect(page.locator("#zoom-value")).to_have_text("125%")
    assert width(page) == pytest.approx(1.25 * fitted, abs=0.5)
    before = place(page)
    drag(page, 0, 30, "middle")
    assert place(page)["y"] == pytest.approx(before["y"] + 30, abs=0.5)
    page.get_by_role("button", name="Invert").click()
    expect(canvas).to_have_css("filter", "grayscale(1) invert(1)")
    expect(page.locator("#heat-layer")).to_have_css("filter", "none")
    page.get_by_role("button", name="Fit").click()
    assert width(page) == pytest.approx(fitted, abs=0.5)
    page.locator("#stage").dblclick()
    expect(page.locator("#zoom-value")).to_have_text("300%")
    page.get_by_role("button", name="Window").click()  # off: a drag moves
    before = place(page)
    drag(page, 20, 0, "left")
    assert place(page)["x"] == pytest.approx(before["x"] + 20, abs=0.5)


def test_the_wheel_zooms_around_the_pointer(open_page: Open, service: Service) -> None:
    page = one_image(open_page, service)
    stage = page.locator("#stage").bounding_box()
    assert stage
    page.mouse.move(stage["x"] + 20, stage["y"] + 20)
    page.mouse.wheel(0, -400)
    expect(page.locator("#zoom-value")).to_have_text("272%")
    # The point under the pointer has not moved.
    assert place(page)["x"] == pytest.approx(stage["x"] + 20 - 2.72 * 20, abs=2)
    assert page.evaluate("scrollY") == 0


def test_dragging_changes_the_grey_window_and_reset_brings_it_back(open_page: Open, service: Service) -> None:
    page = one_image(open_page, service)
    canvas = page.locator("#image-layer")
    stage = page.locator("#stage").bounding_box()
    assert stage
    drag(page, -round(stage["width"] / 2), 0, "left")  # half as wide
    expect(page.locator("#stage-window")).to_have_text(re.compile("Window 12[78], level 12[78]"))
    slope = float(page.locator("#grey-window feFuncR").get_attribute("slope") or 0)
    assert slope == pytest.approx(2, abs=0.02)
    expect(canvas).to_have_css("filter", re.compile("grey-window"))
    drag(page, 0, round(stage["height"] / 4), "left")  # a higher level: darker
    assert float(page.locator("#grey-window feFuncR").get_attribute("intercept") or 0) < -0.9
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#stage-window")).to_have_text("")
    expect(canvas).to_have_css("filter", "grayscale(1)")


def test_rotation_and_mirroring_are_written_on_the_image(open_page: Open, service: Service) -> None:
    page = one_image(open_page, service)
    said = page.locator("#stage-turned")
    page.get_by_role("button", name="Rotate").click()
    expect(said).to_have_text("rotated 90\u00b0")
    page.keyboard.press("l")
    expect(said).to_have_text("")
    page.keyboard.press("h")
    expect(said).to_have_text("mirrored")
    page.keyboard.press("v")
    expect(said).to_have_text("upside down")
    page.get_by_role("button", name="Reset").click()
    expect(said).to_have_text("")


def test_the_outline_of_the_lungs_can_be_switched_on(open_page: Open, service: Service) -> None:
    page = one_image(open_page, service)
    expect(page.locator("#lung-layer")).to_be_hidden()
    page.get_by_role("button", name="Lungs").click()
    expect(page.locator("#lung-layer")).to_be_visible()
    drawn = np.asarray(layer(page, "lung-layer"))[:, :, 3] > 0
    # Two lungs: their outlines cross the middle row four times, and do not touch the top edge.
    row = drawn[len(drawn) // 2]
    assert np.count_nonzero(np.diff(row.astype(int)) == 1) == 4
    assert not drawn[0].any()
    expect(page.locator("#legend-meaning")).to_contain_text("of the heat lay in the lungs")


def test_a_heatmap_without_a_lung_map_has_no_outline(open_page: Open, service: Service) -> None:
    page = open_page(service, bypass_csp=True)
    plain, marked = (
        base64.b64encode(heatmap.overlay(Image.new("L", (64, 64)), np.zeros((2, 2), np.float32), lungs)).decode()
        for lungs in (None, np.array([[0, 1, 0.5]], np.float32))
    )
    read = """async (data) => {
        const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
        return (await import('/page/lungs.js')).lungsOf(new Blob([bytes]));
    }"""
    assert page.evaluate(read, plain) is None
    assert page.evaluate(read, marked) == {"width": 3, "height": 1, "share": [0, 255, 128]}


def test_an_image_without_heat_says_so(open_page: Open, service: Service) -> None:
    page = one_image(open_page, service)
    expect(page.locator("#heat-none")).to_be_hidden()
    add_images(page, SAMPLES[0])
    answered(page, 2)
    page.locator("#images .image").last.click()
    expect(page.locator("#heat-none")).to_be_visible()
    expect(page.locator("#legend")).to_be_hidden()


def one_image(open_page: Open, service: Service) -> Page:
    page = open_page(service)
    add_images(page, SAMPLES[-1])  # an image with pneumonia, which has heat
    answered(page, 1)
    expect(page.locator("#opacity")).to_be_enabled()
    return page


def layer(page: Page, canvas: str) -> Image.Image:
    address = page.evaluate("(id) => document.getElementById(id).toDataURL('image/png')", canvas)
    return Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))


def drag(page: Page, x: float, y: float, button: Literal["left", "middle"]) -> None:
    stage = page.locator("#stage").bounding_box()
    assert stage
    start = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    page.mouse.move(*start)
    page.mouse.down(button=button)
    page.mouse.move(start[0] + x, start[1] + y)
    page.mouse.up(button=button)


def place(page: Page) -> FloatRect:
    box = page.locator("#image-layer").bounding_box()
    assert box
    return box


def width(page: Page) -> float:
    return place(page)["width"]
