"""What a reader says of an answer, where the deployment takes it."""

import json
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.page.actions import SAMPLES, add_films, answered
from tests.page.conftest import Open
from tests.serving import Service

CHOICES = {
    "verdicts": ["agree", "disagree", "cannot_tell"],
    "reasons": {"no_pneumonia": "there is no pneumonia", "image_quality": "the film is too poor to tell"},
}


def test_a_deployment_that_takes_no_feedback_does_not_ask(open_page: Open, service: Service) -> None:
    page = open_page(service)
    add_films(page, SAMPLES[0])
    answered(page, 1)
    expect(page.locator("#result .details")).to_be_visible()
    expect(page.locator("#result .feedback")).to_have_count(0)


def test_a_verdict_and_a_reason_are_sent_and_the_answer_is_told(open_page: Open, service: Service) -> None:
    page = with_feedback(open_page, service)
    sent: list[Any] = []

    def store(route: Route) -> None:
        sent.append(route.request.post_data_json)
        route.fulfill(json={"stored": False, "detail": "Not stored: this film was sent directly."})

    page.route("**/feedback", store)
    group = page.get_by_role("group", name="Your reading")
    disagree = group.get_by_role("button", name="Disagree")
    disagree.click()
    expect(group).to_contain_text("Not stored: this film was sent directly.")
    expect(disagree).to_have_attribute("aria-pressed", "true")
    expect(disagree).to_be_focused()
    group.get_by_label("Reason").select_option(label="there is no pneumonia")
    expect(group.get_by_role("status")).to_contain_text("Not stored")
    assert sent == [
        {"id": None, "verdict": "disagree", "reason": None},
        {"id": None, "verdict": "disagree", "reason": "no_pneumonia"},
    ]
    group.get_by_role("button", name="Agree", exact=True).click()
    expect(group.get_by_label("Reason")).to_have_count(0)
    # What was said stays with the film.
    add_films(page, SAMPLES[1])
    answered(page, 2)
    page.locator("#films .film").last.click()
    expect(group.locator("[aria-pressed=true]")).to_have_count(0)
    page.locator("#films .film").first.click()
    expect(group.locator("[aria-pressed=true]")).to_have_text("Agree")


def test_feedback_that_did_not_arrive_can_be_given_again(open_page: Open, service: Service) -> None:
    page = with_feedback(open_page, service, expected=("status of 503",))
    page.route("**/feedback", lambda route: route.fulfill(status=503, body="{}"))
    group = page.get_by_role("group", name="Your reading")
    group.get_by_role("button", name="Agree", exact=True).click()
    expect(group).to_contain_text("Not stored. The service did not answer in time.")


def with_feedback(open_page: Open, service: Service, **options: Any) -> Page:
    """A page of a deployment with the setting on, and one film answered."""
    page = open_page(service, **options)

    def take_it(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=json.dumps(response.json() | {"feedback": CHOICES}))

    page.route("**/config", take_it)
    page.reload()
    add_films(page, SAMPLES[0])
    answered(page, 1)
    return page
