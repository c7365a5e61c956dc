"""Images deeper than 8 bits: the service sends them, and the window is applied to their own samples."""

import base64
import io
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests import deep_films
from tests.page.actions import SAMPLES, add_images, answered, payload
from tests.page.conftest import Open
from tests.page.test_viewer import drag, layer
from tests.serving import Service

pytestmark = pytest.mark.slow

URL = "document.getElementById('image-layer').toDataURL()"
READ = """async ([data, depth]) => {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const deep = await (await import('/page/deep.js')).readDeep(new Blob([bytes]), depth);
    return [...deep.samples];
}"""


@pytest.fixture(scope="module")
def image() -> npt.NDArray[np.uint16]:
    with Image.open(SAMPLES[-1]) as sample:
        return np.asarray(sample.resize((300, 400)), np.uint16) * 16


def test_a_dicom_is_shown_in_its_own_depth(open_page: Open, service: Service, image: npt.NDArray[np.uint16]) -> None:
    page = open_page(service, bypass_csp=True)  # wait_for_function needs eval
    add_images(page, payload("image.dcm", deep_films.dicom(image, 12)))
    answered(page, 1)
    expect(page.locator("#stage-size")).to_have_text("300 \u00d7 400 DICOM, 12 bits")
    expect(page.locator("#opacity")).to_be_enabled()
    assert shown(page).shape == (400, 300)
    usual = shown(page)
    assert np.corrcoef(usual.ravel(), image.ravel())[0, 1] > 0.98
    stage = page.locator("#stage").bounding_box()
    assert stage
    before = page.evaluate(URL)
    drag(page, -round(0.4 * stage["width"]), 0, "left")
    expect(page.locator("#stage-window")).to_have_text(re.compile(r"Window [12]\d{3}, level [12]\d{3}"))
    # Painted again from the samples, not filtered: this shows greys that 8 bits cannot hold.
    expect(page.locator("#image-layer")).to_have_css("filter", "grayscale(1)")
    page.wait_for_function(f"(before) => {URL} !== before", arg=before)
    narrow = shown(page)
    assert np.isin(narrow, (0, 255)).mean() > np.isin(usual, (0, 255)).mean() + 0.1
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#stage-window")).to_have_text("")


def test_a_refused_dicom_image_is_shown(open_page: Open, service: Service, image: npt.NDArray[np.uint16]) -> None:
    page = open_page(service, expected=("status of 422",))
    add_images(page, payload("image.dcm", deep_films.dicom(np.ascontiguousarray(image[::-1]), 12)))
    answered(page, 1)
    expect(page.locator("#result .verdict.failed")).to_be_visible()
    expect(page.locator("#stage-none")).to_be_hidden()
    expect(page.locator("#stage-size")).to_have_text("300 \u00d7 400, 12 bits")
    assert np.corrcoef(shown(page).ravel(), image[::-1].ravel())[0, 1] > 0.98


def test_the_previous_image_is_hidden_while_the_next_one_is_fetched(
    open_page: Open, service: Service, image: npt.NDArray[np.uint16]
) -> None:
    page = open_page(service)
    held: list[Route] = []
    page.route("**/image", lambda route: held.append(route))
    add_images(page, SAMPLES[0], payload("image.dcm", deep_films.dicom(image, 12)))
    answered(page, 2)
    expect(page.locator("#layers")).to_be_visible()
    page.locator("#images .image").last.click()
    expect(page.locator("#stage-name")).to_have_text("image.dcm")
    expect(page.locator("#layers")).to_be_hidden()
    expect(page.locator("#stage-none")).to_have_text("Loading the image")
    expect(page.locator("#images .image").last).to_have_attribute("aria-current", "true")
    held[0].continue_()
    expect(page.locator("#layers")).to_be_visible()
    expect(page.locator("#stage-size")).to_contain_text("12 bits")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_all_filters_of_png_are_read(open_page: Open, service: Service, dtype: Any) -> None:
    page = open_page(service, bypass_csp=True)
    smooth = np.add.outer(np.arange(40) ** 2, 3 * np.arange(50)).astype(np.float64)
    grain = np.random.default_rng(3).normal(0, 9, smooth.shape)
    values = np.clip((smooth + grain) / smooth.max() * np.iinfo(dtype).max, 0, np.iinfo(dtype).max).astype(dtype)
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    depth = {"bits": values.dtype.itemsize * 8, "black": 0, "white": 1}
    found = page.evaluate(READ, [base64.b64encode(stream.getvalue()).decode(), depth])
    assert np.array_equal(np.array(found).reshape(values.shape), values)


def shown(page: Page) -> npt.NDArray[np.float32]:
    return np.asarray(layer(page, "image-layer").convert("L"), np.float32)
