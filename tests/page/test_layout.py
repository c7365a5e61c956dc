import io

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.page.actions import SAMPLES, add_images, answered, payload
from tests.page.conftest import Open
from tests.serving import Service

pytestmark = pytest.mark.slow

WIDTHS = [320, 600, 900, 1440]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_content_is_wider_than_the_screen(open_page: Open, service: Service, width: int) -> None:
    page = open_page(service, viewport={"width": width, "height": 800})
    assert overflow(page) <= 0
    add_images(page, *SAMPLES[:2])
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
    add_images(page, *SAMPLES[:3])
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


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (768, 1024), (820, 1180)])
def test_image_verdict_and_scale_are_visible_without_scrolling(
    open_page: Open, service: Service, width: int, height: int
) -> None:
    page = open_page(service, viewport={"width": width, "height": height})
    with Image.open(SAMPLES[-1]) as sample:
        stream = io.BytesIO()
        sample.resize((800, 600)).save(stream, "PNG")
    add_images(page, payload("wide.png", stream.getvalue()), SAMPLES[-1])
    answered(page, 2)
    page.locator("#images .image").first.click()
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator("#stage-size")).to_contain_text("800")
    for part in ("#stage", "#result .verdict", "#result .probability", "#prevalence", "#result .scale"):
        expect(page.locator(part)).to_be_in_viewport(ratio=1)
    bottom = page.locator("#result .scale").bounding_box()
    footer = page.locator("footer.standing").bounding_box()
    assert bottom
    assert footer
    assert bottom["y"] + bottom["height"] <= footer["y"]
    for aspect in (4 / 3, 1.0):
        stage = page.locator("#stage").bounding_box()
        assert stage
        assert stage["width"] / stage["height"] == pytest.approx(aspect, rel=0.01)  # no black borders
        assert stage["width"] > 350
        page.keyboard.press("End")
        expect(page.locator("#stage-size")).to_contain_text("512")


def test_header_and_footer_take_little_space_on_a_phone(open_page: Open, service: Service) -> None:
    page = open_page(service, viewport={"width": 390, "height": 844})
    bars = [page.locator(bar).bounding_box() for bar in ("header.top", "footer.standing")]
    assert sum(bar["height"] for bar in bars if bar) <= 70
