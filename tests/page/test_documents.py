import pytest
from playwright.sync_api import expect

from tests.page.conftest import DESKTOP, Open
from tests.page.test_accessibility import PHONE, violations
from tests.serving import Service

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    open_page: Open, service: Service, scheme: str, viewport: dict[str, int]
) -> None:
    page = open_page(service, color_scheme=scheme, viewport=viewport)
    for path in ("/docs", "/model-card"):
        page.goto(service.url + path)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


def test_the_page_opens_them_in_new_tabs(open_page: Open, service: Service) -> None:
    page = open_page(service)
    for name, path, heading in (
        ("API with examples", "/docs", "Pneumonia triage of chest X-rays: API"),
        ("Full model card", "/model-card", "Model card:"),
    ):
        with page.expect_popup() as opened:
            page.get_by_role("link", name=name).click()
        assert opened.value.url == service.url + path
        expect(opened.value.get_by_role("heading", level=1)).to_contain_text(heading)
    expect(page.get_by_role("link", name="OpenAPI")).to_have_attribute("href", "/openapi.json")


def test_the_keyboard_chooses_the_language_of_all_examples(open_page: Open, service: Service) -> None:
    page = open_page(service)
    page.goto(f"{service.url}/docs")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="curl")).to_be_focused()
    shown = page.locator(".route .sample:visible figcaption")
    assert set(shown.all_inner_texts()) == {"curl"}
    page.keyboard.press("ArrowRight")
    assert set(shown.all_inner_texts()) == {"Python"}


def test_the_help_link_of_a_problem_shows_its_section(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("status of 415",))
    problem = page.request.post(f"{service.url}/predict", data=b"no image").json()
    page.goto(service.url + problem["help"])
    expect(page.get_by_role("heading", name="unsupported_format")).to_be_in_viewport()
