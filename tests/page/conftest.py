"""The page in a real Chromium against the real local cloud, each started once for all tests."""

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

# No service of the browser's maker is called, and it runs where there is no user namespace for its sandbox.
FLAGS = [
    "--disable-background-networking", "--disable-component-update", "--disable-gpu", "--disable-quic",
    "--disable-sync", "--no-first-run",
]  # fmt: skip

# A machine that is busy with something else may be slow; what is right comes at once on any other.
expect.set_options(timeout=60_000)


@dataclass
class Visit:
    """What happened in one page. `expected` are parts of console messages that a test brings about on purpose."""

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
    """Chromium of the system: CHROMIUM= names another one. Skips the test if there is none."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("there is no Chromium: install Debian's package chromium, or name one in CHROMIUM")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser for all tests."""
    found = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS, chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """The local cloud with the model that is shipped, open to all."""
    with serving() as running:
        yield running


@pytest.fixture(scope="session")
def guarded_service() -> Iterator[Service]:
    """The same, asking for a token."""
    with serving("--auth", "token") as running:
        yield running


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[str]:
    """The port of another server of this machine, with an empty page."""

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
    """Open the page of a service: open_page(service, expected=("status of 415",), viewport=..., ...).

    Afterwards: nothing on the console but what was expected, nothing refused by the content security policy,
    no request to anybody but the service and its bucket, nothing stored but a token and the prevalence that was chosen.
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
        # A refusal that no console message told of would still be seen.
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
