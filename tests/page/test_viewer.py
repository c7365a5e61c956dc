import base64
import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from pneumonia.decode.grey_range import film_range, scale_to_grey
from pneumonia.model import heatmap
from tests.page.actions import SAMPLES, add_films, answered, payload
from tests.page.conftest import Open
from tests.serving import Service

SEPARATE = """async ([data, width, height]) => {
    const { separate } = await import('/page/heat.js');
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const overlay = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const parts = separate(overlay, { width, height });
    const png = (canvas) => canvas && canvas.toDataURL('image/png').split(',')[1];
    return { film: png(parts.film), heat: png(parts.heat), evidence: parts.evidence };
}"""


def separated(page: Page, png: bytes, image: Image.Image) -> tuple[Image.Image, Image.Image | None, bool]:
    data = base64.b64encode(png).decode()
    parts = page.evaluate(SEPARATE, [data, image.width, image.height])
    heat = parts["heat"] and Image.open(io.BytesIO(base64.b64decode(parts["heat"])))
    return Image.open(io.BytesIO(base64.b64decode(parts["film"]))).convert("L"), heat, parts["evidence"]


def ramp(height: int, width: int) -> npt.NDArray[np.float32]:
    return np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))


@pytest.mark.parametrize("size", [(300, 200), (96, 320)])  # (96, 320) is narrower than the legend
def test_film_and_heat_are_taken_apart_again(open_page: Open, service: Service, size: tuple[int, int]) -> None:
    page = open_page(service, bypass_csp=True)
    width, height = size
    noise = np.random.default_rng(7).integers(0, 256, (height, width), dtype=np.uint8)
    image = Image.fromarray(noise)
    evidence = ramp(height, width)  # as fine as the film, so that nothing is interpolated
    film, heat, found = separated(page, heatmap.overlay(image, evidence), image)
    assert found
    assert heat is not None
    assert film.size == heat.size == size
    # The film loses under strong heat, where 0.4 of it is left: a rounding there counts two and a half times.
    difference = np.abs(np.asarray(film, np.float32) - noise)
    assert difference.mean() < 1
    assert difference.max() <= 8
    alpha = np.asarray(heat, np.float32)[:, :, 3] / 255
    assert np.abs(alpha - evidence).mean() < 0.01
    assert np.abs(alpha - evidence).max() < 0.1  # at the dark end, where it can hardly be seen


def test_a_film_without_evidence_stays_as_it_is(open_page: Open, service: Service) -> None:
    page = open_page(service, bypass_csp=True)
    noise = np.random.default_rng(7).integers(0, 256, (220, 220), dtype=np.uint8)
    image = Image.fromarray(noise)
    film, heat, found = separated(page, heatmap.overlay(image, np.zeros((4, 4), np.float32)), image)
    assert not found
    assert heat is not None
    assert not np.asarray(heat)[:, :, 3].any()
    assert np.array_equal(np.asarray(film), noise)


def test_a_picture_of_other_colours_is_shown_as_it_came(open_page: Open, service: Service) -> None:
    page = open_page(service, bypass_csp=True)
    stream = io.BytesIO()
    Image.new("RGB", (256, 256 + heatmap.LEGEND_HEIGHT), (20, 200, 40)).save(stream, "PNG")
    film, heat, found = separated(page, stream.getvalue(), Image.new("L", (256, 256)))
    assert heat is None
    assert found
    assert film.size == (256, 256)


def test_colours_and_sizes_are_those_of_the_service(open_page: Open, service: Service) -> None:
    page = open_page(service, bypass_csp=True)
    known = page.evaluate(
        "async () => { const { INFERNO, MAX_OPACITY, MIN_WIDTH, LEGEND_HEIGHT } = await import('/page/heat.js');"
        " return { INFERNO, MAX_OPACITY, MIN_WIDTH, LEGEND_HEIGHT }; }"
    )
    assert known["INFERNO"] == heatmap.INFERNO.tolist()
    assert known["MAX_OPACITY"] == heatmap.MAX_OPACITY
    assert known["MIN_WIDTH"] == heatmap.MIN_WIDTH
    assert known["LEGEND_HEIGHT"] == heatmap.LEGEND_HEIGHT


def test_the_slider_fades_the_heatmap(open_page: Open, service: Service) -> None:
    page = one_film(open_page, service)
    slider = page.get_by_role("slider", name="Heatmap")
    heat = page.locator("#heat-layer")
    for percent in (0, 25, 100):
        slider.fill(str(percent))
        expect(heat).to_have_css("opacity", f"{percent / 100:g}")
        expect(page.locator("#opacity-value")).to_have_text(f"{percent}%")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(heat).to_have_css("opacity", "0.99")


def test_the_film_shown_is_the_file_itself_and_the_heat_covers_it(open_page: Open, service: Service) -> None:
    page = one_film(open_page, service)
    with Image.open(SAMPLES[-1]) as sample:
        assert np.array_equal(np.asarray(layer(page, "film-layer").convert("L")), np.asarray(sample))
    assert np.asarray(layer(page, "heat-layer"))[:, :, 3].max() > 150
    assert page.locator("#film-layer").bounding_box() == page.locator("#heat-layer").bounding_box()


def test_a_film_that_browsers_show_wrongly_comes_from_the_service(open_page: Open, service: Service) -> None:
    with Image.open(SAMPLES[0]) as sample:
        grey = np.asarray(sample, np.uint16)
    stream = io.BytesIO()
    Image.fromarray(grey * 16).save(stream, "PNG")  # twelve bits used of sixteen: nearly black in a browser
    page = open_page(service)
    add_films(page, payload("deep.png", stream.getvalue()))
    answered(page, 1)
    expect(page.locator("#opacity")).to_be_enabled()
    shown = np.asarray(layer(page, "film-layer").convert("L"), np.float32)
    wanted = scale_to_grey(grey, *film_range(grey)).astype(np.float32)
    assert np.abs(shown - wanted).mean() < 2
    expect(page.locator(".thumbnail.drawn")).to_have_count(1)


def test_zoom_inversion_and_moving_by_mouse(open_page: Open, service: Service) -> None:
    page = one_film(open_page, service)
    film = page.locator("#film-layer")
    fitted = width(page)
    page.get_by_role("button", name="Zoom in").click()
    expect(page.locator("#zoom-value")).to_have_text("125%")
    assert width(page) == pytest.approx(1.25 * fitted, abs=0.5)
    before = film.bounding_box()
    stage = page.locator("#stage").bounding_box()
    assert before
    assert stage
    page.mouse.move(stage["x"] + 200, stage["y"] + 200)
    page.mouse.down()
    page.mouse.move(stage["x"] + 200, stage["y"] + 230)
    page.mouse.up()
    after = film.bounding_box()
    assert after
    assert after["y"] == pytest.approx(before["y"] + 30, abs=0.5)
    page.get_by_role("button", name="Invert").click()
    expect(film).to_have_css("filter", "grayscale(1) invert(1)")
    expect(page.locator("#heat-layer")).to_have_css("filter", "none")
    page.get_by_role("button", name="Fit").click()
    assert width(page) == pytest.approx(fitted, abs=0.5)
    page.locator("#stage").dblclick()
    expect(page.locator("#zoom-value")).to_have_text("300%")


def test_the_viewer_by_keyboard(open_page: Open, service: Service) -> None:
    page = one_film(open_page, service)
    page.locator("#stage").focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    expect(page.locator("#zoom-value")).to_have_text("156%")
    before = page.locator("#film-layer").bounding_box()
    page.keyboard.press("ArrowUp")
    after = page.locator("#film-layer").bounding_box()
    assert before
    assert after
    assert after["y"] > before["y"]
    page.keyboard.press("-")
    expect(page.locator("#zoom-value")).to_have_text("125%")
    page.keyboard.press("0")
    expect(page.locator("#zoom-value")).to_have_text("100%")
    page.keyboard.press("i")
    expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("h")
    expect(page.locator("#heat-layer")).to_have_css("opacity", "0")
    page.keyboard.press("h")
    expect(page.locator("#heat-layer")).to_have_css("opacity", "0.4")


def one_film(open_page: Open, service: Service) -> Page:
    page = open_page(service)
    add_films(page, SAMPLES[-1])  # with pneumonia, so that there is heat
    answered(page, 1)
    expect(page.locator("#opacity")).to_be_enabled()
    return page


def layer(page: Page, canvas: str) -> Image.Image:
    address = page.evaluate("(id) => document.getElementById(id).toDataURL('image/png')", canvas)
    return Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))


def width(page: Page) -> float:
    box = page.locator("#film-layer").bounding_box()
    assert box
    return box["width"]
