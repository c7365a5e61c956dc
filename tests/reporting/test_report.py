import re
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pneumonia.predictor import Predictor
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome
from pneumonia_cli.reporting.report import histogram, render

EVIL = "\"><script>alert(1)</script>&'.png"
MADE = datetime(2026, 11, 22, 12, 30)


class Page(HTMLParser):
    """The content that a browser reads: tags with attributes, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


Make = Callable[..., str]


@pytest.fixture
def make(predictor: Predictor, tmp_path: Path, image_bytes: Callable[..., bytes]) -> Make:
    """Render images with the given grey values by name, and other outcomes."""

    def build(greys: dict[str, int], *others: Outcome, change: dict[str, Any] | None = None) -> str:
        outcomes = list(others)
        for index, (name, grey) in enumerate(greys.items()):
            path = tmp_path / f"{index}.png"
            path.write_bytes(image_bytes(grey))
            answer = predictor.predict(path.read_bytes(), request_id="r", heatmap=True)
            result = {"status": "predicted", **answer.body, **(change or {})}
            outcomes.append(Outcome(ImageFile(path, name), result, answer.heatmap_png))
        files = {outcome.image: f"heatmaps/{index}.png" for index, outcome in enumerate(outcomes)}
        return render(outcomes, files, predictor.card, predictor.limits, MADE)

    return build


def test_every_image_is_there_most_probable_first(make: Make) -> None:
    page = Page(make({"low.png": 5, "high.png": 250, "middle.png": 120}))
    names = [attrs["data-name"] for tag, attrs in page.tags if tag == "article"]
    assert names == ["high.png", "middle.png", "low.png"]
    pictures = [str(attrs["src"]) for tag, attrs in page.tags if tag == "img"]
    assert len(pictures) == 6
    assert all(picture.startswith("data:image/webp;base64,") for picture in pictures)
    for text in ("Research use only", "tiny-grey", "0.0.1", "2026-11-22 12:30", "knows grey only", "3 images"):
        assert text in page.text


def test_a_caveat_replaces_the_verdict_of_an_image(make: Make) -> None:
    text = make({"high.png": 250}, change={"forced": True})
    page = Page(text)
    assert [attrs["data-triage"] for tag, attrs in page.tags if tag == "article"] == ["forced"]
    card = text[text.index("<article") : text.index("</article>")]
    assert not re.search(r'class="[^"]*likely_pneumonia', card)
    assert "The model says: likely pneumonia" in card
    assert "if 1 in 2 such patients has it" in card
    assert ">Forced<" in card


def test_an_image_says_all_that_its_printed_page_needs(make: Make, predictor: Predictor) -> None:
    text = make({"high.png": 250}, change={"at_prevalence": {"prevalence": 0.1, "probability": 0.321}})
    card = text[text.index("<article") : text.index("</article>")]
    for part in ("Likely pneumonia", "32.1%", "if 1 in 10 such children has it", "tiny-grey 0.0.1", "2026-11-22 12:30",
                 predictor.card.notice, "All heatmaps of this model use one scale"):  # fmt: skip
        assert part in card
    assert ">99." not in card
    assert "label pneumonia" not in text


def test_nothing_is_loaded_from_elsewhere(make: Make) -> None:
    text = make({"a.png": 9})
    assert not re.search(r"https?://|@import|<link|src=\"(?!data:)", text)


def test_names_and_reasons_are_escaped(make: Make, tmp_path: Path) -> None:
    rejected = {"status": "rejected", "code": "x<y", "title": "<b>title", "detail": EVIL}
    text = make(
        {EVIL: 9},
        Outcome(ImageFile(tmp_path, EVIL), rejected),
        Outcome(ImageFile(tmp_path / "m", EVIL), missing=f"gone {EVIL}"),
    )
    assert EVIL not in text
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert page.text.count(EVIL) == 5
    assert [attrs["data-name"] for tag, attrs in page.tags if tag == "article"] == [EVIL]


def test_a_page_without_images(make: Make, tmp_path: Path) -> None:
    rejected = {"status": "rejected", "code": "unsupported_format", "title": "Unsupported", "detail": "Not an image."}
    page = Page(make({}, Outcome(ImageFile(tmp_path, "notes.txt"), rejected)))
    assert "notes.txt" in page.text
    assert "1 refused, 0 missing" in page.text
    assert not [tag for tag, _ in page.tags if tag == "article"]


def test_histogram_splits_a_bin_at_a_threshold() -> None:
    bars, tallest = histogram([0.0, 0.01, 0.5, 0.951, 0.97, 0.98, 1.0], rule_out=0.1, rule_in=0.96)
    assert tallest == 4
    assert [(index, bar.parts) for index, bar in enumerate(bars) if bar.parts] == [
        (0, [("likely_normal", 50.0, 50.0)]),
        (10, [("indeterminate", 75.0, 25.0)]),
        (19, [("likely_pneumonia", 25.0, 75.0), ("indeterminate", 0.0, 25.0)]),
    ]


def test_histogram_of_nothing() -> None:
    bars, tallest = histogram([], 0.1, 0.9)
    assert tallest == 0
    assert not any(bar.parts for bar in bars)
