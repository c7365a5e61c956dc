import re
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Page, expect

from pneumonia.errors import PneumoniaError
from pneumonia.model.triage import Triage
from tests.page.actions import SAMPLES, add_images, answered, answers, drop_images, payload, shown_percent
from tests.page.conftest import Open
from tests.serving import Service

WORDS = {
    "likely_normal": "Likely normal",
    "indeterminate": "Indeterminate",
    "likely_pneumonia": "Likely pneumonia",
}
DICOM = bytes(128) + b"DICM" + bytes(200)


def test_one_dropped_image_gets_a_result_in_words_shape_and_on_the_scale(open_page: Open, service: Service) -> None:
    page = open_page(service)
    given = answers(page)
    drop_images(page, SAMPLES[0])
    answered(page, 1)
    (answer,) = given()
    result = page.locator("#result")
    expect(result.locator(".chip")).to_have_text(WORDS[answer["triage"]])
    expect(result.locator(".chip svg path")).to_have_attribute("d", re.compile("^M"))
    expect(result.locator(".probability strong")).to_have_text(shown_percent(answer["pneumonia"]))
    expect(result).to_contain_text(answer["request_id"])
    expect(result).to_contain_text(f"{answer['model']['name']} {answer['model']['version']}")
    expect(result).to_contain_text("radiologist must read")
    scale = result.locator(".scale")
    config = page.request.get(f"{service.url}/config").json()
    for point in ("rule_out", "rule_in"):
        expect(scale).to_contain_text(shown_percent(config["operating_points"][point]))
    said = scale.get_attribute("aria-label") or ""
    assert shown_percent(answer["pneumonia"]) in said
    zone = page.locator(f".zone.{answer['triage']}").bounding_box()
    marker = page.locator(".marker").bounding_box()
    assert zone
    assert marker
    middle = marker["x"] + marker["width"] / 2
    assert zone["x"] - 1 <= middle <= zone["x"] + zone["width"] + 1


@pytest.mark.slow
def test_many_dropped_images_get_one_row_each(open_page: Open, service: Service) -> None:
    page = open_page(service)
    given = answers(page)
    drop_images(page, *SAMPLES)
    answered(page, len(SAMPLES))
    assert len(given()) == len(SAMPLES)
    expect(page.locator("#rows tr")).to_have_count(len(SAMPLES))
    by_words = {words: sum(WORDS[answer["triage"]] == words for answer in given()) for words in WORDS.values()}
    for words, count in by_words.items():
        expect(page.locator("#rows .chip", has_text=words)).to_have_count(count)
    expect(page.locator("#session-count")).to_contain_text(f"{len(SAMPLES)} images")
    page.locator("#rows tr").last.get_by_role("button").click()
    expect(page.locator("#images .image").last).to_have_attribute("aria-current", "true")
    expect(page.locator(".result-name")).to_have_text(SAMPLES[-1].name)
    for thumbnail in page.locator(".thumbnail").all():
        expect(thumbnail).to_have_class(re.compile("drawn"))


def test_every_triage_of_the_service_has_words(open_page: Open, service: Service) -> None:
    page = open_page(service, bypass_csp=True)
    known = page.evaluate("async () => Object.keys((await import('/page/triage.js')).TRIAGE)")
    assert set(known) == set(WORDS) == set(get_args(Triage))


def test_every_error_code_of_the_service_has_a_message(open_page: Open, service: Service) -> None:
    page = open_page(service, bypass_csp=True)
    messages = page.evaluate("async () => (await import('/page/messages.js')).MESSAGES")
    # Only errors of this module reach the page; others, such as a refused release, do not.
    answered = [error for error in subclasses(PneumoniaError) if error.__module__ == PneumoniaError.__module__]
    missing = {error.code for error in answered} - messages.keys()
    assert missing == set(), "add their messages to lambda_src/pneumonia/page/messages.js"
    assert all(message["title"] and message["advice"] for message in messages.values())


def subclasses(error: type[PneumoniaError]) -> set[type[PneumoniaError]]:
    return {error}.union(*(subclasses(child) for child in error.__subclasses__()))


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("notes.txt", b"not an image", "unsupported_format"),
        ("cut.png", SAMPLES[0].read_bytes()[:20_000], "undecodable_image"),
        ("nothing.png", b"", "missing_image"),
    ],
)
def test_a_refused_file_says_why_and_what_to_do(
    open_page: Open, service: Service, name: str, data: bytes, code: str
) -> None:
    page = open_page(service, expected=("status of 4",), bypass_csp=True)
    add_images(page, payload(name, data), SAMPLES[0])
    answered(page, 2)
    expect_message(page, code)
    expect(page.locator("#rows tr").first).to_contain_text(name)
    # The refusal does not affect the other image.
    expect(page.locator("#images .image").last.locator(".value")).to_contain_text("%")


@pytest.mark.slow
def test_an_image_above_the_limit_is_refused_before_it_is_sent(
    open_page: Open, service: Service, tmp_path: Path
) -> None:
    page = open_page(service, bypass_csp=True)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    limit = page.request.get(f"{service.url}/config").json()["max_image_bytes"]
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(limit + 1)
    # By its path: a payload of this size takes Playwright twenty seconds.
    page.locator("#picker").set_input_files(huge)
    answered(page, 1)
    expect_message(page, "too_large")
    expect(page.locator("#result")).to_contain_text(f"{limit / 1e6:g} MB")
    assert sent == []


def test_dicom_is_sent_unchanged_and_shows_the_message_of_the_service(open_page: Open, service: Service) -> None:
    page = open_page(service, expected=("status of 4",), bypass_csp=True)
    with page.expect_response(lambda response: "/predict" in response.url) as caught:
        add_images(page, payload("film", DICOM))
    headers = caught.value.request.all_headers()
    assert headers["content-type"] == "application/dicom"
    assert headers["content-length"] == str(len(DICOM))
    answered(page, 1)
    expect_message(page, caught.value.json()["code"])  # the file has no pixels
    expect(page.locator("#result")).to_contain_text(caught.value.json()["detail"])


@pytest.mark.slow
def test_clearing_removes_every_image(open_page: Open, service: Service) -> None:
    page = open_page(service)
    drop_images(page, *SAMPLES[:2])
    answered(page, 2)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#images .image")).to_have_count(0)
    expect(page.locator("#rows tr")).to_have_count(0)
    expect(page.locator("#drop")).to_be_visible()
    expect(page.locator("#choose")).to_be_focused()
    expect(page.locator("#export")).to_be_disabled()
    drop_images(page, SAMPLES[2])
    answered(page, 1)
    expect(page.locator(".result-name")).to_have_text(SAMPLES[2].name)


def expect_message(page: Page, code: str) -> None:
    messages = page.evaluate("async () => (await import('/page/messages.js')).MESSAGES")
    result = page.locator("#result")
    expect(result).to_contain_text(messages[code]["title"])
    expect(result).to_contain_text(messages[code]["advice"])
    expect(result).to_contain_text(code)
