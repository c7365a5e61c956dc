"""Tests of the page behind `pneumonia console`, which asks for a one-time code."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.actions import SAMPLES, add_images, answered, large_png, payload
from tests.serving import ROOT, Service

pytestmark = pytest.mark.slow


@dataclass
class Console:
    """A running console: its address and the codes that it prints."""

    url: str
    code: str
    process: subprocess.Popen[str]

    def next_code(self) -> str:
        assert self.process.stdout is not None
        self.code = json.loads(self.process.stdout.readline())["code"]
        return self.code


@pytest.fixture
def console(guarded_service: Service) -> Iterator[Console]:
    path = os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])
    options = ["--url", guarded_service.url, "--port", "0", "--json"]
    with subprocess.Popen(
        [sys.executable, "-m", "pneumonia_cli", "console", *options],
        env=os.environ | {"PYTHONPATH": path, "PNEUMONIA_TOKEN": guarded_service.token},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield Console(told["url"], told["code"], process)
        process.terminate()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def give(page: Page, code: str) -> None:
    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Continue").click()


def test_a_code_opens_the_page_in_one_tab_only(page: Page, console: Console) -> None:
    page.goto(console.url)
    give(page, "abcd-efgh-ijkl-mnop")
    expect(page.locator("#token-wrong")).to_contain_text("The code was not accepted")
    give(page, console.code)
    expect(page.locator("#measured table")).to_be_visible()
    add_images(page, SAMPLES[0])
    answered(page, 1)
    page.reload()
    expect(page.locator("#measured table")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.evaluate("[document.cookie, localStorage.length, Object.keys(sessionStorage)]") == [
        "", 0, ["pneumonia-token"],
    ]  # fmt: skip
    assert page.context.cookies() == []
    another = page.context.new_page()
    another.goto(console.url)
    expect(another.get_by_role("dialog")).to_be_visible()
    give(another, console.next_code())
    expect(another.locator("#measured table")).to_be_visible()


def test_a_code_in_the_fragment_is_used_and_removed(page: Page, console: Console) -> None:
    page.goto(f"{console.url}#code={console.code}")
    expect(page.locator("#measured table")).to_be_visible()
    assert page.url == console.url
    page.goto("about:blank")
    page.goto(f"{console.url}#code={console.code}")  # the tab already has its key, so the used code does not matter
    expect(page.locator("#measured table")).to_be_visible()


def test_a_large_image_passes_through_the_console(page: Page, console: Console) -> None:
    page.goto(f"{console.url}#code={console.code}")
    expect(page.locator("#measured table")).to_be_visible()
    add_images(page, payload("large.png", large_png(SAMPLES[-1], 4_500_000)))
    answered(page, 1)
    expect(page.locator("#result .probability")).to_be_visible()


def test_a_page_of_another_port_gets_nothing_of_the_console(page: Page, console: Console, elsewhere: str) -> None:
    page.goto(f"{console.url}#code={console.code}")
    expect(page.locator("#measured table")).to_be_visible()
    page.goto(f"http://127.0.0.1:{elsewhere}/")  # the same browser, and the same tab
    assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [0, 0, ""]
    for path in ("", "config", "model", "page/icon.svg"):
        tried = "(url) => fetch(url, {credentials: 'include'}).then((response) => response.status, () => null)"
        assert page.evaluate(tried, console.url + path) is None
