import pytest
from playwright.sync_api import Page, expect

from tests.page.actions import SAMPLES, add_films, answered
from tests.page.conftest import Open
from tests.serving import Service

pytestmark = pytest.mark.slow

WIDTHS = [320, 600, 900, 1440]


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_off_sideways(open_page: Open, service: Service, width: int) -> None:
    page = open_page(service, viewport={"width": width, "height": 800})
    assert overflow(page) <= 0
    add_films(page, *SAMPLES[:2])
    answered(page, 2)
    assert overflow(page) <= 0
    outside = page.evaluate(
        """() => [...document.querySelectorAll('button, .chip, .label, .ticks span, input:not([hidden])')]
            .filter((element) => element.checkVisibility() && !element.closest('.visually-hidden, .skip'))
            .filter((element) => {
                const box = element.getBoundingClientRect();
                return box.left < 0 || box.right > innerWidth;
            }).map((element) => element.outerHTML)"""
    )
    assert outside == []


@pytest.mark.parametrize("width", WIDTHS)
def test_model_limits_and_research_use_are_always_in_view(open_page: Open, service: Service, width: int) -> None:
    page = open_page(service, viewport={"width": width, "height": 700})
    add_films(page, *SAMPLES[:3])
    answered(page, 3)
    config = page.request.get(f"{service.url}/config").json()
    standing = page.locator("footer.standing")
    for position in (0, 400, 100_000):
        page.evaluate("(y) => scrollTo(0, y)", position)
        expect(page.locator(".badge")).to_be_in_viewport(ratio=1)
        expect(standing).to_be_in_viewport(ratio=1)
        expect(standing).to_contain_text("Research use only, never a diagnosis.")
        expect(standing).to_contain_text(f"{config['model']['name']} {config['model']['version']}")
    standing.get_by_role("link", name="All limits").click()
    for limit in config["limits"]:
        expect(page.locator("#limits")).to_contain_text(limit)
    expect(page.locator("#notice")).to_have_text(config["notice"])
    expect(page.locator("#notice")).to_be_in_viewport()


def test_dark_by_default_and_light_by_preference(open_page: Open, service: Service) -> None:
    def brightness(scheme: str | None) -> int:
        page = open_page(service, color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return max(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))

    assert brightness("dark") < 40
    assert brightness("light") > 200


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))
