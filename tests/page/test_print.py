import re

import pytest
from playwright.sync_api import expect

from tests.page.actions import SAMPLES, add_images, answered, payload
from tests.page.conftest import Open
from tests.serving import Service


@pytest.mark.slow
def test_each_image_is_printed_on_one_page_with_everything_to_read_it(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("status of 415",))
    # The browser's dialog could only be closed by hand.
    page.evaluate("() => { window.print = () => { window.printed = true; }; }")
    add_images(page, SAMPLES[0], SAMPLES[-1], payload("notes.txt", b"no image"))
    answered(page, 3)
    page.locator("#prevalence").select_option(label="1 in 10")
    page.keyboard.press("Control+p")
    pages = page.locator(".print-page")
    expect(pages).to_have_count(2)
    assert page.evaluate("() => window.printed")
    card = page.request.get(f"{service.url}/model").json()
    listed = page.locator("#images .image", has_text=SAMPLES[-1].name)
    second = pages.nth(1)
    expect(second).to_contain_text(SAMPLES[-1].name)
    expect(second.locator(".chip")).to_have_text(listed.locator(".chip").inner_text())
    expect(second).to_contain_text(listed.locator(".value").inner_text())
    expect(second).to_contain_text("if 1 in 10 such children has pneumonia")
    expect(second).to_contain_text(f"{card['name']} {card['version']}")
    expect(second).to_contain_text(re.compile(r"Predicted .*20\d\d.*\d\d:\d\d"))
    expect(second).to_contain_text(card["notice"])
    expect(second.locator("canvas")).to_have_count(2)
    page.emulate_media(media="print")
    expect(page.locator("main")).to_be_hidden()
    expect(second).to_be_visible()
    assert len(re.findall(rb"/Type /Page\b", page.pdf(format="A4"))) == 2
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(pages).to_have_count(0)
    page.get_by_role("button", name="Print").click()
    expect(pages).to_have_count(2)
