import pytest
from playwright.sync_api import Page, expect

from tests.page.actions import SAMPLES, add_images, answered
from tests.page.conftest import Open
from tests.serving import Service

pytestmark = pytest.mark.slow


def test_keys_work_on_the_whole_page(open_page: Open, service: Service) -> None:
    page = with_images(open_page, service, 1)
    page.keyboard.press("+")
    page.keyboard.press("+")
    expect(page.locator("#zoom-value")).to_have_text("156%")
    before = page.locator("#image-layer").bounding_box()
    page.keyboard.press("Shift+ArrowUp")
    after = page.locator("#image-layer").bounding_box()
    assert before
    assert after
    assert after["y"] > before["y"]
    page.keyboard.press("-")
    expect(page.locator("#zoom-value")).to_have_text("125%")
    page.keyboard.press("=")
    expect(page.locator("#zoom-value")).to_have_text("100%")
    page.keyboard.press("i")
    expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("o")
    expect(page.locator("#heat-layer")).to_have_css("opacity", "0")
    page.keyboard.press("o")
    expect(page.locator("#heat-layer")).to_have_css("opacity", "0.4")
    page.keyboard.press("u")
    expect(page.locator("#lung-layer")).to_be_visible()
    page.keyboard.press("+")
    page.keyboard.press(" ")
    expect(page.locator("#zoom-value")).to_have_text("100%")
    assert page.evaluate("scrollY") == 0


def test_arrows_go_through_the_images_as_they_are_listed(open_page: Open, service: Service) -> None:
    page = with_images(open_page, service, 3)
    name = page.locator(".result-name")
    for key, expected in (
        ("ArrowDown", 1), ("ArrowRight", 2), ("ArrowDown", 2), ("ArrowUp", 1), ("Home", 0), ("End", 2), ("PageUp", 1),
    ):  # fmt: skip
        page.keyboard.press(key)
        expect(name).to_have_text(SAMPLES[expected].name)
    page.locator("#order").select_option("risk")
    listed = page.locator("#images .name").all_inner_texts()
    page.locator("#images-heading").focus()
    page.keyboard.press("Home")
    expect(name).to_have_text(listed[0].replace("\n", ""))


def test_a_focused_control_keeps_the_keys_that_it_needs(open_page: Open, service: Service) -> None:
    page = with_images(open_page, service, 2)
    page.locator("#opacity").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#opacity-value")).to_have_text("39%")
    page.locator("#prevalence").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#images .image").first).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Zoom in").focus()
    page.keyboard.press(" ")
    expect(page.locator("#zoom-value")).to_have_text("125%")


def test_the_list_of_keys(open_page: Open, service: Service) -> None:
    page = open_page(service)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts and gestures")
    for words in ("Next image", "Invert", "Rotate right", "Outline of the lungs"):
        expect(dialog).to_contain_text(words)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    add_images(page, SAMPLES[0])
    answered(page, 1)
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(dialog).to_be_visible()
    page.keyboard.press("i")  # has no effect on the image behind the dialog
    expect(page.locator("#invert")).to_have_attribute("aria-pressed", "false")


def with_images(open_page: Open, service: Service, count: int) -> Page:
    page = open_page(service)
    add_images(page, *SAMPLES[-1:] if count == 1 else SAMPLES[:count])
    answered(page, count)
    expect(page.locator("#opacity")).to_be_enabled()
    page.evaluate("document.activeElement.blur()")
    return page
