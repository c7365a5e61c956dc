"""The walk of the README and a picture of the report. PAGE_SCREENSHOTS=docs/images writes them (make pictures)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.page.actions import SAMPLES, add_images, answered
from tests.page.conftest import Open
from tests.page.test_screenshots import save_picture
from tests.page.walk import SIZE, Frame, demo, picture, save_gif, terminal
from tests.serving import Service

pytestmark = pytest.mark.slow

MAX_BYTES = 1_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(os.environ.get("PAGE_SCREENSHOTS") or tmp_path)


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """Return a page for the terminal and the report."""
    context = browser.new_context(viewport=SIZE)
    yield context.new_page()
    context.close()


def test_walk(open_page: Open, plain: Page, service: Service, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "demo_out"
    printed = demo(out)
    bars = printed[: printed.index("predicted, highest probability")].rpartition("\n\n")[0]
    frames = [
        Frame(terminal(plain, ""), 0.6),
        Frame(terminal(plain, "make demo"), 0.9),
        Frame(terminal(plain, "make demo", bars), 1.2),
        Frame(terminal(plain, "make demo", printed), 4.0),
        *through_the_page(open_page(service, viewport=SIZE)),
        *through_the_report(plain, out / "report.html"),
    ]
    plain.evaluate("scrollTo(0, 0)")
    save_picture(
        plain.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": 1200, "height": 1100}), folder / "report.png"
    )
    save_gif(frames, folder / "walk.gif")
    assert (folder / "walk.gif").stat().st_size < MAX_BYTES
    with Image.open(folder / "walk.gif") as made:
        assert getattr(made, "n_frames", 1) == len(frames)


def through_the_page(page: Page) -> list[Frame]:
    """Add images, then show one with pneumonia at several opacities of its heatmap."""
    frames = [Frame(picture(page), 1.5)]
    add_images(page, *SAMPLES)
    answered(page, len(SAMPLES))
    frames.append(Frame(picture(page), 2.0))
    page.locator("#images li", has_text="pneumonia").nth(2).click()  # a result with heat
    expect(page.locator("#opacity")).to_be_enabled()
    frames.append(Frame(picture(page), 2.5))
    for opacity, seconds in (("0", 1.2), ("70", 2.5)):
        page.locator("#opacity").fill(opacity)
        frames.append(Frame(picture(page), seconds))
    return frames


def through_the_report(page: Page, report: Path) -> list[Frame]:
    page.goto(report.as_uri())
    frames = [Frame(picture(page), 2.0)]
    page.evaluate("scrollTo(0, 620)")
    page.wait_for_function("scrollY > 0")
    return [*frames, Frame(picture(page), 3.0)]
