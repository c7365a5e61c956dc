"""Take the pictures of README and docs/page.md. PAGE_SCREENSHOTS=docs/images writes them (make pictures)."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Page, expect

from tests.page.actions import SAMPLES, add_images, answered, payload
from tests.page.conftest import Open
from tests.serving import Service

pytestmark = pytest.mark.slow

MAX_BYTES = 340_000
SCREEN = {"width": 1200, "height": 750}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(os.environ.get("PAGE_SCREENSHOTS") or tmp_path)


def test_page_dark(open_page: Open, service: Service, folder: Path) -> None:
    page = open_page(service, expected=("status of 415",), viewport=SCREEN)
    add_images(page, *SAMPLES, payload("letter.pdf", b"%PDF-1.7"))
    answered(page, len(SAMPLES) + 1)
    page.locator("#images li", has_text="pneumonia").nth(2).click()  # a result with heat
    save(page, folder / "page-dark.png")


def test_page_viewer(open_page: Open, service: Service, folder: Path) -> None:
    page = open_page(service, color_scheme="light", viewport=SCREEN)
    add_images(page, *SAMPLES[-3:])
    answered(page, 3)
    expect(page.locator("#opacity")).to_be_enabled()
    page.get_by_role("button", name="Invert").click()
    page.get_by_role("button", name="Zoom in").click()
    save(page, folder / "page-viewer.png")


def test_page_narrow(open_page: Open, service: Service, folder: Path) -> None:
    page = open_page(service, viewport=PHONE, device_scale_factor=1.5)
    add_images(page, SAMPLES[-1])
    answered(page, 1)
    save(page, folder / "page-narrow.png")


def save(page: Page, path: Path) -> None:
    expect(page.locator("#opacity")).to_be_enabled()
    page.evaluate("document.activeElement.blur()")
    save_picture(page.screenshot(), path)


def save_picture(shot_png: bytes, path: Path) -> None:
    with Image.open(io.BytesIO(shot_png)) as shot:
        # Six bits per channel look the same as eight here, and take two thirds of the bytes.
        ImageOps.posterize(shot.convert("RGB"), 6).save(path, optimize=True)
    assert path.stat().st_size < MAX_BYTES, f"{path.name} is too large for a document"
