import pytest
from playwright.sync_api import expect

from tests.page.actions import answered
from tests.page.conftest import Open
from tests.serving import Service


@pytest.mark.slow
def test_a_click_on_an_example_gives_a_result(open_page: Open, service: Service) -> None:
    page = open_page(service)
    examples = page.locator("#examples button")
    expect(examples).to_have_count(3)
    for picture in examples.locator("img").all():
        assert picture.evaluate("(picture) => picture.naturalWidth") == 96
    page.get_by_role("button", name="With pneumonia").first.click()
    answered(page, 1)
    expect(page.locator("#result .chip")).to_have_text("Likely pneumonia")
    expect(page.locator(".result-name")).to_have_text("example-pneumonia-1.jpg")
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Normal", exact=True).click()
    answered(page, 1)
    expect(page.locator("#result .chip")).not_to_have_text("Likely pneumonia")
