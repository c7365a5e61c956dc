import json
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.page.actions import SAMPLES, add_images, answered, payload
from tests.page.conftest import DESKTOP, Open
from tests.serving import Service

pytestmark = pytest.mark.slow

PHONE = {"width": 360, "height": 740}


def violations(page: Page) -> list[tuple[str, Any]]:
    found = Axe().run(page).response["violations"]
    return [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found]


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing(open_page: Open, service: Service, scheme: str, viewport: dict[str, int]) -> None:
    page = open_page(service, expected=("status of 415",), color_scheme=scheme, viewport=viewport)
    assert violations(page) == []
    add_images(page, *SAMPLES[:2], SAMPLES[-1], payload("notes.txt", b"no image"))
    answered(page, 4)
    assert violations(page) == []
    page.locator("#images .image").last.click()
    expect(page.locator("#result .failed").first).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Keyboard shortcuts").click()
    assert violations(page) == []


def test_axe_finds_nothing_in_a_caveat_with_feedback_and_undo(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("status of 404",))  # this service does not take feedback

    def change(route: Route) -> None:
        response = route.fetch()
        answer = response.json() | {"in_training_population": False}
        route.fulfill(response=response, body=json.dumps(answer))

    def ask(route: Route) -> None:
        response = route.fetch()
        choices = {"verdicts": ["agree", "disagree"], "reasons": {"no_pneumonia": "there is no pneumonia"}}
        route.fulfill(response=response, body=json.dumps(response.json() | {"feedback": choices}))

    page.route("**/predict?*", change)
    page.route("**/config", ask)
    page.reload()
    add_images(page, *SAMPLES[:2])
    answered(page, 2)
    page.get_by_role("button", name=f"Remove {SAMPLES[1].name}").click()
    page.get_by_role("button", name="Disagree").click()
    expect(page.get_by_label("Reason")).to_be_visible()
    expect(page.locator("#undo")).to_be_visible()
    assert violations(page) == []


def test_axe_finds_nothing_in_the_token_dialog(open_page: Open, guarded_service: Service) -> None:
    page = open_page(guarded_service, expected=("status of 401",), ready=False)
    page.get_by_label("Token", exact=True).fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#token-wrong")).not_to_be_empty()
    assert violations(page) == []
    page.get_by_role("button", name="Not now").click()
    expect(page.locator("#banner")).to_be_visible()
    assert violations(page) == []


def test_everything_can_be_reached_by_keyboard_alone(open_page: Open, service: Service) -> None:
    page = open_page(service)
    # Registered early: the browser learns of it in the background, and would lose a dialog that opens before.
    page.on("filechooser", lambda chooser: chooser.set_files(SAMPLES[:2]))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the images")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#images-heading")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#choose")).to_be_focused()
    page.keyboard.press("Enter")
    answered(page, 2)
    expect(page.locator("#images .image").first).to_be_focused()
    reached = set()
    for _ in range(50):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {
        "image",
        "order",
        "filter",
        "remove quiet",
        "tool",
        "invert",
        "lungs",
        "rotate",
        "zoom-in",
        "zoom-fit",
        "reset",
        "keys",
    } <= reached
    assert {"stage", "opacity", "prevalence", "scroll", "link", "clear", "export"} <= reached


def test_results_are_announced_to_screen_readers(open_page: Open, service: Service) -> None:
    page = open_page(service)
    add_images(page, SAMPLES[0])
    answered(page, 1)
    words = page.locator("#result .chip").inner_text()
    expect(page.get_by_role("status").filter(has_text=SAMPLES[0].name)).to_contain_text(words)
    expect(page.get_by_role("img", name=f"The image, {words.lower()}")).to_be_visible()
