"""Tests of feedback on results, which the reader can give if the deployment takes it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.page.actions import SAMPLES, add_images, answered, large_png, payload
from tests.page.conftest import Open
from tests.serving import Service, serving


@pytest.fixture(scope="module")
def asking_service() -> Iterator[Service]:
    """Start the local cloud with feedback switched on."""
    with serving(FEEDBACK="true") as running:
        yield running


def test_a_deployment_that_takes_no_feedback_does_not_ask(open_page: Open, service: Service) -> None:
    page = open_page(service)
    add_images(page, SAMPLES[0])
    answered(page, 1)
    expect(page.locator("#result .details")).to_be_visible()
    expect(page.locator("#result .feedback")).to_have_count(0)


@pytest.mark.slow
def test_feedback_on_an_image_sent_directly_is_not_stored_and_the_page_says_so(
    open_page: Open, asking_service: Service
) -> None:
    page = open_page(asking_service)
    add_images(page, SAMPLES[0])
    answered(page, 1)
    group = page.get_by_role("group", name="Your reading")
    disagree = group.get_by_role("button", name="Disagree")
    disagree.click()
    expect(group).to_contain_text("sent directly")
    expect(disagree).to_have_attribute("aria-pressed", "true")
    expect(disagree).to_be_focused()
    with page.expect_request("**/feedback") as caught:
        group.get_by_label("Reason").select_option(label="there is no pneumonia")
    assert caught.value.post_data_json == {"id": None, "verdict": "disagree", "reason": "no_pneumonia"}
    group.get_by_role("button", name="Agree", exact=True).click()
    expect(group.get_by_label("Reason")).to_have_count(0)
    # The feedback stays with its image.
    add_images(page, SAMPLES[1])
    answered(page, 2)
    page.locator("#images .image").last.click()
    expect(group.locator("[aria-pressed=true]")).to_have_count(0)
    page.locator("#images .image").first.click()
    expect(group.locator("[aria-pressed=true]")).to_have_text("Agree")


@pytest.mark.slow
def test_feedback_that_did_not_arrive_can_be_given_again(open_page: Open, asking_service: Service) -> None:
    page = open_page(asking_service, expected=("status of 503",))
    add_images(page, SAMPLES[0])
    answered(page, 1)
    page.route("**/feedback", lambda route: route.fulfill(status=503, body="{}"))
    group = page.get_by_role("group", name="Your reading")
    group.get_by_role("button", name="Agree", exact=True).click()
    expect(group).to_contain_text("Not stored. The service did not respond in time.")


@pytest.mark.slow
def test_feedback_on_an_uploaded_image_is_stored(open_page: Open, asking_service: Service) -> None:
    page = open_page(asking_service)
    add_images(page, payload("image.png", large_png(SAMPLES[-1], 4_500_000)))
    answered(page, 1)
    group = page.get_by_role("group", name="Your reading")
    group.get_by_role("button", name="Agree", exact=True).click()
    expect(group).to_contain_text("Stored next to the result.")
