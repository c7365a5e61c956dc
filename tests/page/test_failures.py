"""What the page says when the service cannot be reached, is busy, or is not the one that answers."""

import io
import json

import pytest
from PIL import Image
from playwright.sync_api import Route, expect

from tests.page.actions import SAMPLES, add_films, answered, payload
from tests.page.conftest import Open
from tests.serving import Service

pytestmark = pytest.mark.slow


def test_films_wait_for_the_network_and_go_on_by_themselves(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("ERR_INTERNET_DISCONNECTED",))
    page.context.set_offline(True)
    add_films(page, *SAMPLES[:3])
    expect(page.locator("#banner")).to_contain_text("The service cannot be reached. The films wait")
    expect(page.locator("#films .state", has_text="Waiting")).to_have_count(3)
    page.context.set_offline(False)
    answered(page, 3)
    expect(page.locator("#films .chip.failed")).to_have_count(0)
    expect(page.locator("#banner")).to_be_hidden()


def test_all_that_may_go_better_is_sent_again_at_once(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("status of",))
    page.route("**/predict?*", lambda route: route.fulfill(status=503, json={"code": "model_error"}))
    add_films(page, *SAMPLES[:2], payload("nothing.png", b""))
    answered(page, 3)
    page.unroute("**/predict?*")
    page.get_by_role("button", name="Retry all").click()
    expect(page.locator("#films .chip.failed")).to_have_count(1)  # nothing helps an empty file
    answered(page, 3)
    expect(page.locator("#retry-all")).to_be_hidden()


def test_a_refused_film_can_be_predicted_all_the_same(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("status of 422",))
    turned = io.BytesIO()
    with Image.open(SAMPLES[-1]) as film:
        film.transpose(Image.Transpose.ROTATE_180).save(turned, "PNG")
    add_films(page, payload("film.png", turned.getvalue()))
    answered(page, 1)
    expect(page.locator("#result")).to_contain_text("stands on its head")
    explanation = page.get_by_role("link", name="wrong_orientation")
    expect(explanation).to_have_attribute("href", "/docs#wrong_orientation")
    expect(explanation).to_have_attribute("target", "_blank")  # the films stay here
    page.get_by_role("button", name="Predict all the same").click()
    expect(page.locator("#result .probability")).to_be_visible()
    expect(page.locator("#result")).to_contain_text("because you asked for it")


def test_a_page_without_its_service_says_so_and_asks_again(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("ERR_FAILED",))
    page.route("**/config", lambda route: route.abort())
    page.reload()
    expect(page.locator("#banner")).to_contain_text("The service cannot be reached")
    add_films(page, SAMPLES[0])  # it waits
    page.unroute("**/config")
    page.get_by_role("button", name="Try again").click()
    answered(page, 1)
    expect(page.locator("#banner")).to_be_hidden()


def test_a_version_that_knows_no_map_is_asked_for_a_picture(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("status of 400",))
    problem = {"code": "malformed_request", "detail": "heatmap must be true or false."}
    page.route("**/predict?heatmap=map*", lambda route: route.fulfill(status=400, json=problem))
    add_films(page, SAMPLES[0])
    answered(page, 1)
    expect(page.locator("#films .chip.failed")).to_have_count(0)
    expect(page.locator("#result .probability")).to_be_visible()


def test_what_aws_holds_back_for_too_many_calls_is_sent_again_by_itself(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("status of 429",))
    held_back: list[str] = []

    def hold_back_once(route: Route) -> None:
        if held_back:
            route.continue_()
        else:
            held_back.append(route.request.url)
            route.fulfill(status=429, body=json.dumps({"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}))

    page.route("**/predict?*", hold_back_once)
    add_films(page, SAMPLES[0])
    expect(page.locator("#result .probability")).to_be_visible()
    assert len(held_back) == 1


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, {"Message": "Forbidden"}, "pneumonia console"),
        (413, {"message": "Request must be smaller than 6291456 bytes"}, "The film is too large"),
        (502, {"message": "Internal Server Error"}, "The service did not answer in time"),
        (503, {"code": "unhealthy", "title": "x", "request_id": "r-1"}, "The service is not well"),
        (418, {"code": "tea", "title": "It is a teapot", "detail": "Brew.", "request_id": "r-2"}, "It is a teapot"),
        (200, "<html>", "a way this page does not know"),
    ],
)
def test_answers_of_others_than_the_service(
    open_page: Open, service: Service, status: int, body: dict[str, str] | str, words: str
) -> None:
    page = open_page(service, expected=(f"status of {status}",))
    text = body if isinstance(body, str) else json.dumps(body)
    page.route("**/predict?*", lambda route: route.fulfill(status=status, body=text))
    add_films(page, SAMPLES[0])
    answered(page, 1)
    expect(page.locator("#result")).to_contain_text(words)
    if isinstance(body, dict) and "request_id" in body:
        expect(page.locator("#result")).to_contain_text(body["request_id"])
