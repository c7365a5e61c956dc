"""Tests of a session of many images: order, removal, and an outage of the service."""

import contextlib
import re
import subprocess
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Dialog, Route, expect

from tests.page.actions import SAMPLES, add_images, answered, payload
from tests.page.conftest import Open
from tests.ports import unused_port
from tests.serving import Service, introduction, start

pytestmark = pytest.mark.slow

MANY = 30


def test_images_are_listed_by_risk_and_filtered_by_triage(open_page: Open, service: Service) -> None:
    page = open_page(service)
    add_images(page, SAMPLES[0], SAMPLES[-1], SAMPLES[1])
    answered(page, 3)
    page.locator("#order").select_option("risk")
    shares = [float(text.strip("%<>")) for text in page.locator("#images .value").all_inner_texts()]
    assert shares == sorted(shares, reverse=True)
    first = page.locator("#rows tr").first
    expect(first).to_contain_text(SAMPLES[-1].name)
    page.locator("#filter").select_option("likely_pneumonia")
    expect(page.locator("#images .image")).to_have_count(1)
    expect(page.locator("#rows tr")).to_have_count(1)
    page.locator("#filter").select_option("forced")
    expect(page.locator("#images-none")).to_have_text("No matching images.")
    add_images(page, SAMPLES[2])  # new images are always shown
    expect(page.locator("#images .image")).to_have_count(4)


def test_one_image_can_be_removed_and_brought_back(open_page: Open, service: Service) -> None:
    page = open_page(service)
    add_images(page, *SAMPLES[:3])
    answered(page, 3)
    page.get_by_role("button", name=f"Remove {SAMPLES[0].name}").click()
    expect(page.locator("#images .image")).to_have_count(2)
    expect(page.locator("#rows tr")).to_have_count(2)
    expect(page.locator(".result-name")).to_have_text(SAMPLES[1].name)
    expect(page.locator("#undo")).to_contain_text(f"{SAMPLES[0].name} removed")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#images .image").first).to_contain_text(SAMPLES[0].name)
    answered(page, 3)
    expect(page.locator("#undo")).to_be_hidden()


def test_clearing_can_be_undone_even_for_images_in_progress(open_page: Open, service: Service) -> None:
    page = open_page(service)
    add_images(page, *SAMPLES[:4])
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#drop")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    answered(page, 4)
    expect(page.locator("#images .chip.failed")).to_have_count(0)
    for thumbnail in page.locator(".thumbnail").all():
        expect(thumbnail).to_have_class(re.compile("drawn"))


def test_leaving_the_page_with_results_asks_for_confirmation(open_page: Open, service: Service) -> None:
    page = open_page(service)
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    add_images(page, SAMPLES[0])
    answered(page, 1)
    page.locator("#images .image").click()  # browsers ask only after a user action
    page.close(run_before_unload=True)
    expect(page.locator("#images .image")).to_have_count(1)
    assert asked == ["beforeunload"]
    page.get_by_role("button", name="Clear").click()


def test_a_click_in_the_table_shows_the_image_and_scrolls_the_list(open_page: Open, service: Service) -> None:
    page = open_page(service, viewport={"width": 1280, "height": 520})
    add_images(page, *SAMPLES)
    answered(page, len(SAMPLES))
    row = page.locator("#rows tr").last
    row.get_by_role("button").click()
    expect(page.locator(".result-name")).to_have_text(SAMPLES[-1].name)
    expect(page.locator("#images .image").last).to_be_in_viewport(ratio=0.9)
    expect(page.locator("#stage")).to_be_in_viewport(ratio=0.9)


def test_a_long_name_is_cut_in_the_middle(open_page: Open, service: Service) -> None:
    page = open_page(service)
    name = f"{'chest-of-a-child-' * 6}0012-ap.png"
    add_images(page, payload(name, SAMPLES[0].read_bytes()))
    answered(page, 1)
    shown = page.locator("#images .name")
    expect(shown).to_have_text(name)
    tail = shown.locator(".name-tail")
    expect(tail).to_have_text(name[-12:])
    expect(tail).to_be_in_viewport(ratio=1)
    assert shown.locator(".name-head").evaluate("(head) => head.scrollWidth > head.clientWidth")


@pytest.mark.slow
def test_thirty_images_get_results_after_an_outage_without_a_click(open_page: Open) -> None:
    ports = [str(unused_port()) for _ in range(2)]
    with contextlib.ExitStack() as stack:
        first, service = stack.enter_context(running(ports))
        page = open_page(service, expected=("ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "ERR_SOCKET"))
        asked: list[str] = []

        def die_in_the_middle(route: Route) -> None:
            """Kill the service before a certain request reaches it. Later ones would be too late on a fast machine."""
            asked.append(route.request.url)
            if len(asked) == MANY // 3:
                first.kill()
                first.wait()
            route.continue_()

        page.route("**/predict?*", die_in_the_middle)
        images = [payload(f"image-{number}.png", SAMPLES[number % len(SAMPLES)].read_bytes()) for number in range(MANY)]
        add_images(page, *images)
        expect(page.locator("#banner")).to_contain_text("are sent automatically")
        assert page.locator("#images .chip").count() < MANY // 3
        stack.enter_context(running(ports))
        answered(page, MANY)
        expect(page.locator("#images .chip.failed")).to_have_count(0)
        expect(page.locator("#banner")).to_be_hidden()


@contextlib.contextmanager
def running(ports: list[str]) -> Iterator[tuple[subprocess.Popen[str], Service]]:
    """Run a local cloud at given ports, so that another one can take its place."""
    process = start("--port", ports[0], "--s3-port", ports[1])
    assert process.stdout is not None
    try:
        facts = introduction(process)
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield process, Service(facts["Function URL"], facts["S3 and SQS"], facts["Token"])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
