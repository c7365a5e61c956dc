"""Fixtures for tests of the page: a real Chromium and the real local cloud, each started once for all tests."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from pneumonia_cli.local.names import HOST
from tests.serving import Service, serving

ROOT = Path(__file__).parents[2]
DESKTOP = {"width": 1440, "height": 900}

# With these options, the browser calls no services of its vendor.
FLAGS = [
    "--disable-background-networking", "--disable-component-update", "--disable-gpu", "--disable-quic",
    "--disable-sync", "--no-first-run",
]  # fmt: skip

# The timeout is long because a busy machine may be slow. Otherwise, the expected state appears at once.
expect.set_options(timeout=60_000)


@dataclass
class Visit:
    """Events of one page. `expected` holds parts of the console messages that a test causes on purpose."""

    page: Page
    origins: Sequence[str]
    expected: Sequence[str]
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(part in message.text for part in self.expected):
            self.complaints.append(message.text)

    def on_request(self, request: Request) -> None:
        if not request.url.startswith((*(f"{origin}/" for origin in self.origins), "blob:", "data:")):
            self.strangers.append(request.url)


Open = Callable[..., Page]


def chromium() -> str:
    """Return the path of Chromium, or of the browser in the variable CHROMIUM. Skip the test if there is none."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("there is no Chromium: install Debian's package chromium, or name one in CHROMIUM")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start a browser for all tests."""
    found = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS, chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """Start the local cloud with the shipped model and without access control."""
    with serving() as running:
        yield running


@pytest.fixture(scope="session")
def guarded_service() -> Iterator[Service]:
    """Start the local cloud with auth `token`."""
    with serving("--auth", "token") as running:
        yield running


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[str]:
    """Start another server on this machine, which serves an empty page, and return its port."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html>")

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Empty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield str(server.server_port)
        server.shutdown()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Return a function that opens the page: open_page(service, expected=("status of 415",), viewport=..., ...).

    After the test, the console must hold only expected messages and no refusal by the content security policy. All
    requests must have gone to the service or its bucket. Only a token and the chosen prevalence may be stored.
    """
    visits: list[tuple[BrowserContext, Visit]] = []

    def open_one(service: Service, expected: Sequence[str] = (), ready: bool = True, **options: Any) -> Page:
        context = browser.new_context(**({"viewport": DESKTOP, "color_scheme": "dark"} | options))
        page = context.new_page()
        visit = Visit(page, (service.url, service.s3_url), expected)
        visits.append((context, visit))
        page.on("console", visit.on_console)
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("request", visit.on_request)
        # Report also refusals by the policy for which the browser writes no console message.
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => console.error('CSP', event.violatedDirective))"
        )
        page.goto(service.url)
        if ready:
            expect(page.locator("#measured table")).to_be_visible()
        return page

    yield open_one
    for context, visit in visits:
        stored = visit.page.evaluate("[localStorage.length, Object.keys(sessionStorage), document.cookie]")
        context.close()
        assert visit.complaints == []
        assert visit.strangers == []
        assert stored[0] == 0
        assert set(stored[1]) <= {"pneumonia-token", "pneumonia-prevalence"}
        assert stored[2] == ""
