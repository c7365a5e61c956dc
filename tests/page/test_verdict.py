"""The result on the page: the triage, the probability at a prevalence, and the caveats that replace the triage."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from pneumonia.prevalence import probability_at
from tests.page.actions import SAMPLES, add_images, answered, answers, shown_percent
from tests.page.conftest import Open
from tests.serving import Service

pytestmark = pytest.mark.slow

OUTSIDE = "Outside trained population"
SCREENS = [{"width": 320, "height": 700}, {"width": 1280, "height": 720}]


def answer_with(**change: Any) -> Callable[[Route], None]:
    """Return a handler that replaces some fields of the service's answer."""

    def replace(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=json.dumps(response.json() | change))

    return replace


@pytest.mark.parametrize(
    ("change", "words", "kind"),
    [({"in_training_population": False}, OUTSIDE, "outside"), ({"forced": True}, "Forced", "forced")],
)
def test_a_caveat_replaces_the_verdict_everywhere(
    open_page: Open, service: Service, change: dict[str, bool], words: str, kind: str
) -> None:
    page = open_page(service)
    page.route("**/predict?*", answer_with(**change, triage="likely_pneumonia", pneumonia=0.982))
    add_images(page, SAMPLES[-1])
    answered(page, 1)
    for place in ("#result", "#images", "#rows"):
        chip = page.locator(f"{place} .chip")
        expect(chip).to_have_text(words)
        expect(chip).to_have_class(f"chip {kind}")
        expect(page.locator(place)).to_contain_text("likely pneumonia")
    expect(page.locator("#result .verdict")).to_have_class(f"verdict {kind}")
    colours = page.evaluate(
        "[...document.querySelectorAll('.zone')].map((zone) => getComputedStyle(zone).backgroundColor)"
    )
    assert len(set(colours)) == 1
    expect(page.locator("#result")).not_to_contain_text("sensitivity")
    expect(page.locator("#session-count")).to_have_text(f"1 image: 1 {words.lower()}")
    expect(page.locator("#announcer")).to_contain_text(f"{words}, likely pneumonia")
    expect(page.get_by_role("img", name=f"The image, {words.lower()}, likely pneumonia")).to_be_visible()


def test_the_chosen_prevalence_changes_the_probability_and_not_the_triage(open_page: Open, service: Service) -> None:
    page = open_page(service)
    given = answers(page)
    add_images(page, SAMPLES[-1])
    answered(page, 1)
    (answer,) = given()
    number = page.locator("#result .probability strong")
    expect(number).to_have_text(shown_percent(answer["pneumonia"]))
    expect(page.locator("#result .prevalence")).to_contain_text("even odds")
    triage = page.locator("#result .chip").inner_text()
    page.locator("#prevalence").select_option(label="1 in 10")
    odds = answer["pneumonia"] / (1 - answer["pneumonia"]) / 9
    expected = shown_percent(odds / (1 + odds))
    for place in ("#result .probability strong", "#images .value", "#rows .number"):
        expect(page.locator(place)).to_have_text(expected)
    expect(page.locator("#result .chip")).to_have_text(triage)
    expect(page.locator("#prevalence")).to_be_focused()
    page.reload()
    add_images(page, SAMPLES[-1])
    answered(page, 1)
    expect(number).to_have_text(expected)
    expect(page.locator("#announcer")).to_contain_text(f"{expected} if 1 in 10 such children has pneumonia")


@pytest.mark.parametrize("triage", ["likely_normal", "indeterminate", "likely_pneumonia"])
def test_the_quoted_figures_belong_to_the_shown_triage(open_page: Open, service: Service, triage: str) -> None:
    page = open_page(service)
    page.route("**/predict?*", answer_with(triage=triage))
    add_images(page, SAMPLES[-1])
    answered(page, 1)
    test = page.request.get(f"{service.url}/model").json()["metrics"]["test"]
    counts = test["triage"]
    said = page.locator("#result .measured")
    expect(said).to_contain_text(f"{counts[triage]['pneumonia']} of {total(counts, 'pneumonia')} test images")
    expect(said).to_contain_text(f"{counts[triage]['normal']} of {total(counts, 'normal')} normal ones")
    if triage != "indeterminate":
        ill, well = (counts[triage][kind] / total(counts, kind) for kind in ("pneumonia", "normal"))
        called = {"likely_pneumonia": (ill, 1 - well), "likely_normal": (1 - ill, well)}[triage]
        expect(said).to_contain_text(f"sensitivity {shown_percent(called[0])}")
        expect(said).to_contain_text(f"specificity {shown_percent(called[1])}")
        # The operating points hold the same figures, rounded to four decimals.
        figures = test["operating_points"]["rule_in" if triage == "likely_pneumonia" else "rule_out"]
        assert called == pytest.approx((figures["sensitivity"], figures["specificity"]), abs=1e-4)
    expect(page.locator("#result")).not_to_contain_text("balanced")


def test_the_table_of_operating_points_matches_the_counts(open_page: Open, service: Service) -> None:
    page = open_page(service)
    test = page.request.get(f"{service.url}/model").json()["metrics"]["test"]
    normal, confusion = total(test["triage"], "normal"), test["confusion"]
    expected = {
        "Rule out": test["triage"]["likely_normal"]["normal"] / normal,
        "Balanced": confusion["tn"] / normal,
        "Rule in": 1 - test["triage"]["likely_pneumonia"]["normal"] / normal,
    }
    for point, specificity in expected.items():
        row = page.locator("#measured tbody tr", has_text=point)
        expect(row.locator("td").last).to_have_text(shown_percent(specificity))


def total(counts: dict[str, dict[str, int]], kind: str) -> int:
    return sum(count[kind] for count in counts.values())


@pytest.mark.parametrize("viewport", SCREENS, ids=["phone", "laptop"])
def test_the_words_of_the_scale_do_not_overlap_at_any_prevalence(
    open_page: Open, service: Service, viewport: dict[str, int]
) -> None:
    page = open_page(service, viewport=viewport)
    add_images(page, SAMPLES[-1])
    answered(page, 1)
    choices = page.locator("#prevalence option").evaluate_all("(options) => options.map((option) => option.value)")
    for choice in choices:
        page.locator("#prevalence").select_option(choice)
        assert overlaps(page, "#result .ticks span") == []
        assert overlaps(page, "#result .label") == []


def overlaps(page: Page, selector: str) -> list[str]:
    found = page.evaluate(
        """(selector) => {
            const boxes = [...document.querySelectorAll(selector)].map((one) => [one, one.getBoundingClientRect()]);
            boxes.sort(([, one], [, other]) => one.left - other.left);
            return boxes.slice(1)
                .filter(([, box], index) => box.left < boxes[index][1].right)
                .map(([one]) => one.textContent);
        }""",
        selector,
    )
    return list(found)


def test_the_page_and_the_service_use_the_same_formula(open_page: Open, service: Service) -> None:
    page = open_page(service, bypass_csp=True)
    for probability, calibrated, prevalence in ((0.9, 0.5, 0.1), (0.02, 0.5, 0.75), (0, 0.5, 0.1), (1, 0.3, 0.1)):
        found = page.evaluate(
            "async (values) => (await import('/page/prevalence.js')).atPrevalence(...values)",
            [probability, calibrated, prevalence],
        )
        assert found == pytest.approx(probability_at(probability, calibrated, prevalence), abs=1e-6)
