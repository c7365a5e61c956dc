import pytest
from playwright.sync_api import Page, expect

from tests.page.actions import SAMPLES, add_images, answered
from tests.page.conftest import Open
from tests.serving import Service

pytestmark = pytest.mark.slow

REFUSED = ("status of 401",)


def test_a_wrong_token_is_refused_and_the_right_one_accepted(open_page: Open, guarded_service: Service) -> None:
    page = open_page(guarded_service, expected=REFUSED, ready=False)
    give(page, "not the token")
    expect(page.locator("#token-wrong")).to_contain_text("The token was not accepted")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#token")).to_be_focused()
    assert page.evaluate("sessionStorage.length") == 0
    give(page, guarded_service.token)
    expect(page.get_by_role("dialog")).to_be_hidden()
    add_images(page, SAMPLES[0])
    answered(page, 1)
    expect(page.locator("#result .probability")).to_be_visible()


def test_the_token_lasts_as_long_as_the_tab(open_page: Open, guarded_service: Service) -> None:
    page = open_page(guarded_service, ready=False)
    give(page, guarded_service.token)
    expect(page.locator("#measured table")).to_be_visible()
    page.reload()
    expect(page.locator("#measured table")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
    another = page.context.new_page()
    another.goto(guarded_service.url)
    expect(another.get_by_role("dialog")).to_be_visible()


def test_images_wait_for_the_token(open_page: Open, guarded_service: Service) -> None:
    page = open_page(guarded_service, ready=False)
    page.get_by_role("button", name="Not now").click()
    add_images(page, *SAMPLES[:2])
    expect(page.locator("#images")).to_contain_text("Waiting")
    expect(page.locator("#limits li").first).to_be_visible()
    page.get_by_role("button", name="Enter the token").click()
    give(page, guarded_service.token)
    answered(page, 2)
    expect(page.locator("#banner")).to_be_hidden()


def test_a_replaced_token_is_asked_for_again_and_no_image_is_lost(open_page: Open, guarded_service: Service) -> None:
    page = open_page(guarded_service, expected=REFUSED, ready=False)
    give(page, guarded_service.token)
    expect(page.get_by_role("dialog")).to_be_hidden()
    # As after a rotation: the token of this tab is no longer accepted.
    page.route("**/predict?*", lambda route: route.fulfill(status=401, json={"code": "unauthorized"}))
    add_images(page, *SAMPLES[:3])
    expect(page.get_by_role("dialog")).to_contain_text("The token was not accepted")
    assert page.evaluate("sessionStorage.length") == 0
    page.unroute("**/predict?*")
    give(page, guarded_service.token)
    answered(page, 3)
    expect(page.locator("#images .chip.failed")).to_have_count(0)


def test_changing_the_token_can_be_cancelled(open_page: Open, guarded_service: Service) -> None:
    page = open_page(guarded_service, ready=False)
    give(page, guarded_service.token)
    page.get_by_role("button", name="Change token").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#banner")).to_be_hidden()
    add_images(page, SAMPLES[0])
    answered(page, 1)


def give(page: Page, token: str) -> None:
    page.get_by_label("Token", exact=True).fill(token)
    page.get_by_role("button", name="Continue").click()
