import re
from datetime import datetime
from pathlib import Path

from pneumonia.model.card import Card
from pneumonia_cli.audit.compare import compare
from pneumonia_cli.audit.figures import Interval
from pneumonia_cli.audit.labels import Labelled, Labels
from pneumonia_cli.audit.measure import measure
from pneumonia_cli.audit.report import interval_words, render, share_interval_words
from pneumonia_cli.reporting.images import ImageFile
from tests.audit.conftest import Images, answer, refusal

MADE = datetime(2026, 11, 26, 17, 30)
EVIL = "<script>alert(1)</script>.png"
FIRST = [answer(0.95), answer(0.5), answer(0.02), answer(0.92), refusal("blank_image")]
SECOND = [answer(0.9), answer(0.05), answer(0.02), answer(0.3), answer(0.2)]


def test_a_report_of_one_model(images: Images, card: Card) -> None:
    labelled = images(1, 1, 0, 0, 0)
    page = render(Labels(labelled, False, 3), [measure(labelled, FIRST, card)], None, MADE)
    for text in ("tiny-grey 0.0.1", "5 labelled images", "3 images without a label", "2026-11-26 17:30", "blank_image",
                 "Refused: 1", "The labels name no patients", "50.0%", "1 of 2", card.notice):  # fmt: skip
        assert text in page, text
    assert page.count("<svg") == 2
    assert "What a switch would change" not in page
    assert not re.search(r"https?://|@import|<link|<script|src=", page)


def test_a_report_of_two_models(images: Images, card: Card) -> None:
    labelled = [Labelled(ImageFile(Path("x"), EVIL), 1, "p"), *images(1, 1, 0, 0, 0)[1:]]
    audits = [measure(labelled, said, card) for said in (FIRST, SECOND)]
    page = render(Labels(labelled, True, 0), audits, compare(labelled, FIRST, SECOND), MADE)
    for text in ("In use: tiny-grey", "Compared with: tiny-grey", "What a switch would change", "over patients",
                 "Predicted only by the model in use:\n  0; only by the other model: 1",
                 "indeterminate → likely normal"):  # fmt: skip
        assert text in page, text
    assert EVIL not in page
    assert "&lt;script&gt;" in page
    assert page.count("<svg") == 4


def test_intervals_in_words() -> None:
    assert interval_words(Interval(0.9123, 0.85, 1.0)) == "0.912 (0.850-1.000)"
    assert share_interval_words(Interval(0.9123, 0.85, 1.0)) == "91.2% (85.0-100.0)"
    unknown = Interval(*[float("nan")] * 3)
    assert {interval_words(unknown), share_interval_words(unknown)} == {"not available"}
