"""Tests of the page when the service cannot be reached, is busy, or something else answers in its place."""

import io
import json

import pytest
from PIL import Image
from playwright.sync_api import Route, expect

from tests.page.actions import SAMPLES, add_images, answered, payload
from tests.page.conftest import Open
from tests.serving import Service

pytestmark = pytest.mark.slow


def test_images_wait_for_the_network_and_are_sent_automatically(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("ERR_INTERNET_DISCONNECTED",))
    page.context.set_offline(True)
    add_images(page, *SAMPLES[:3])
    expect(page.locator("#banner")).to_contain_text("The service cannot be reached. Images are waiting")
    expect(page.locator("#images .state", has_text="Waiting")).to_have_count(3)
    page.context.set_offline(False)
    answered(page, 3)
    expect(page.locator("#images .chip.failed")).to_have_count(0)
    expect(page.locator("#banner")).to_be_hidden()


def test_one_click_retries_all_images_that_a_retry_can_help(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("status of",))
    page.route("**/predict?*", lambda route: route.fulfill(status=503, json={"code": "model_error"}))
    add_images(page, *SAMPLES[:2], payload("nothing.png", b""))
    answered(page, 3)
    page.unroute("**/predict?*")
    page.get_by_role("button", name="Retry all").click()
    expect(page.locator("#images .chip.failed")).to_have_count(1)  # a retry does not help an empty file
    answered(page, 3)
    expect(page.locator("#retry-all")).to_be_hidden()


def test_a_refused_image_can_be_predicted_anyway(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("status of 422",))
    turned = io.BytesIO()
    with Image.open(SAMPLES[-1]) as image:
        image.transpose(Image.Transpose.ROTATE_180).save(turned, "PNG")
    add_images(page, payload("image.png", turned.getvalue()))
    answered(page, 1)
    expect(page.locator("#result")).to_contain_text("The image is rotated or upside down")
    explanation = page.get_by_role("link", name="wrong_orientation")
    expect(explanation).to_have_attribute("href", "/docs#wrong_orientation")
    expect(explanation).to_have_attribute("target", "_blank")  # the images stay in this tab
    page.get_by_role("button", name="Predict anyway").click()
    expect(page.locator("#result .probability")).to_be_visible()
    expect(page.locator("#result")).to_contain_text("because you asked for it")


def test_a_page_without_its_service_says_so_and_tries_again(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("ERR_FAILED",))
    page.route("**/config", lambda route: route.abort())
    page.reload()
    expect(page.locator("#banner")).to_contain_text("The service cannot be reached")
    add_images(page, SAMPLES[0])  # the image waits
    page.unroute("**/config")
    page.get_by_role("button", name="Try again").click()
    answered(page, 1)
    expect(page.locator("#banner")).to_be_hidden()


def test_a_version_without_the_map_is_asked_for_a_heatmap(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("status of 400",))
    problem = {"code": "malformed_request", "detail": "heatmap must be true or false."}
    page.route("**/predict?heatmap=map*", lambda route: route.fulfill(status=400, json=problem))
    add_images(page, SAMPLES[0])
    answered(page, 1)
    expect(page.locator("#images .chip.failed")).to_have_count(0)
    expect(page.locator("#result .probability")).to_be_visible()


def test_a_throttled_request_is_sent_again_automatically(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("status of 429",))
    held_back: list[str] = []

    def hold_back_once(route: Route) -> None:
        if held_back:
            route.continue_()
        else:
            held_back.append(route.request.url)
            route.fulfill(status=429, body=json.dumps({"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}))

    page.route("**/predict?*", hold_back_once)
    add_images(page, SAMPLES[0])
    expect(page.locator("#result .probability")).to_be_visible()
    assert len(held_back) == 1


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, {"Message": "Forbidden"}, "pneumonia console"),
        (413, {"message": "Request must be smaller than 6291456 bytes"}, "The image is too large"),
        (502, {"message": "Internal Server Error"}, "The service did not respond in time"),
        (503, {"code": "unhealthy", "title": "x", "request_id": "r-1"}, "The service is not healthy"),
        (418, {"code": "tea", "title": "It is a teapot", "detail": "Brew.", "request_id": "r-2"}, "It is a teapot"),
        (200, "<html>", "The service sent an unexpected response"),
    ],
)
def test_unknown_answers_and_answers_that_are_not_from_the_service(
    open_page: Open, service: Service, status: int, body: dict[str, str] | str, words: str
) -> None:
    page = open_page(service, expected=(f"status of {status}",))
    text = body if isinstance(body, str) else json.dumps(body)
    page.route("**/predict?*", lambda route: route.fulfill(status=status, body=text))
    add_images(page, SAMPLES[0])
    answered(page, 1)
    expect(page.locator("#result")).to_contain_text(words)
    if isinstance(body, dict) and "request_id" in body:
        expect(page.locator("#result")).to_contain_text(body["request_id"])
