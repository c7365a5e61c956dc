import json

import numpy as np
import pytest

from pneumonia.model.card import Card
from pneumonia.prevalence import probability_at
from pneumonia_cli.audit.measure import measure
from tests.audit.conftest import Images, answer, refusal

LABELS = 1, 1, 1, 0, 0, 0
SAID = [answer(0.95), answer(0.5), answer(0.05), answer(0.02), answer(0.3), answer(0.92)]


def test_figures_at_the_thresholds_of_the_card(images: Images, card: Card) -> None:
    audit = measure(images(*LABELS), SAID, card)
    assert {name: point["threshold"] for name, point in audit.points.items()} == {
        "rule_out": 0.1, "balanced": 0.4, "rule_in": 0.9,
    }  # fmt: skip
    point = audit.points["balanced"]
    assert (point["true_positives"], point["true_negatives"]) == (2, 2)
    assert (point["sensitivity"].value, point["specificity"].value) == pytest.approx((2 / 3, 2 / 3))
    assert audit.triage == {
        "likely_pneumonia": {"pneumonia": 1, "normal": 1},
        "indeterminate": {"pneumonia": 1, "normal": 1},
        "likely_normal": {"pneumonia": 1, "normal": 1},
    }
    assert audit.few
    json.dumps(audit.to_json(), allow_nan=False)


def test_refused_images_are_counted_separately(images: Images, card: Card) -> None:
    said = [*SAID, refusal("not_a_chest_xray"), refusal("blank_image"), refusal("not_a_chest_xray")]
    audit = measure(images(*LABELS, 1, 0, 0), said, card)
    assert audit.refused == {
        "blank_image": {"pneumonia": 0, "normal": 1},
        "not_a_chest_xray": {"pneumonia": 1, "normal": 1},
    }
    assert audit.films["pneumonia"] == 3
    assert audit.auc == measure(images(*LABELS), SAID, card).auc


def test_images_of_one_patient_count_as_one_draw(images: Images, card: Card) -> None:
    audit = measure(images(*LABELS, patients="aabccd"), SAID, card)
    assert audit.films == {"pneumonia": 3, "pneumonia_patients": 2, "normal": 3, "normal_patients": 2}
    alone = measure(images(*LABELS), SAID, card)
    for name, point in audit.points.items():
        assert point["sensitivity"].value == alone.points[name]["sensitivity"].value
    assert audit.auc != alone.auc


def test_calibration_is_judged_at_the_share_of_pneumonia_among_the_images(images: Images, card: Card) -> None:
    audit = measure(images(1, 0, 0, 0), [answer(p) for p in (0.9, 0.2, 0.5, 0.1)], card)
    assert audit.prevalence == 0.25
    assert audit.local.tolist() == [probability_at(p, 0.5, 0.25) for p in (0.9, 0.2, 0.5, 0.1)]
    assert np.array_equal(audit.scores.p, [0.9, 0.2, 0.5, 0.1])  # figures at thresholds use these


def test_the_suggested_threshold_reaches_its_sensitivity(images: Images, card: Card) -> None:
    rng = np.random.default_rng(3)
    labels = [1] * 60 + [0] * 60
    said = [answer(float(p)) for p in np.r_[rng.beta(4, 2, 60), rng.beta(2, 4, 60)].round(6)]
    audit = measure(images(*labels), said, card)
    assert 0.95 <= audit.suggested["sensitivity"].value < 0.98
    assert not audit.few


def test_images_outside_the_population_are_shown_separately(images: Images, card: Card) -> None:
    said = [answer(line["pneumonia"], in_training_population=k not in (1, 4)) for k, line in enumerate(SAID)]
    parts = measure(images(*LABELS), said, card).parts
    assert [(name, part["pneumonia"], part["normal"]) for name, part in parts.items()] == [
        ("inside", 2, 2), ("outside", 1, 1),
    ]  # fmt: skip
    assert parts["outside"]["auc"].value == 1
    assert measure(images(*LABELS), SAID, card).parts == {}


def test_a_single_class_cannot_be_measured(images: Images, card: Card) -> None:
    with pytest.raises(ValueError, match="the same label"):
        measure(images(1, 0), [answer(0.9), refusal("blank_image")], card)
