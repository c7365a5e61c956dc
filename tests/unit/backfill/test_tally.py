import json
from typing import Any

import pytest

from pneumonia.backfill.tally import Tally
from pneumonia.uploads.document import ResultDocument

NORMAL = ResultDocument("predicted", {"label": "normal", "triage": "likely_normal"}, None, {})
SICK = ResultDocument("predicted", {"label": "pneumonia", "triage": "indeterminate"}, None, {})
REFUSED = ResultDocument("rejected", {"code": "too_small"}, None, {})


def filled() -> Tally:
    tally = Tally()
    tally.result(NORMAL)
    tally.result(NORMAL, already_there=True)
    tally.result(SICK)
    tally.result(REFUSED, already_there=True)
    tally.failure("object_archived")
    tally.skip("folder")
    return tally


def test_counts() -> None:
    assert filled().to_json() == {
        "items": 6, "predicted": 3, "rejected": 1, "failed": 1, "already_there": 2, "skipped": {"folder": 1},
        "labels": {"normal": 2, "pneumonia": 1}, "triage": {"indeterminate": 1, "likely_normal": 2},
        "groups": {"indeterminate": 1, "likely_normal": 2}, "codes": {"object_archived": 1, "too_small": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "group"),
    [
        ({"in_training_population": False, "forced": False}, "outside"),
        ({"in_training_population": False, "forced": True}, "forced"),
        ({"in_training_population": None, "forced": False}, "likely_normal"),
    ],
)
def test_images_outside_the_figures_are_counted_separately(more: dict[str, Any], group: str) -> None:
    tally = Tally()
    tally.result(ResultDocument("predicted", {**NORMAL.content, **more}, None, {}))
    assert (tally.to_json()["groups"], tally.to_json()["triage"]) == ({group: 1}, {"likely_normal": 1})


def test_batches_of_the_previous_version_are_added() -> None:
    counts = filled().to_json()
    del counts["groups"]
    total = Tally()
    total.add(counts)
    assert (total.predicted, total.groups) == (3, {})


def test_batches_add_up() -> None:
    total = Tally()
    for _ in range(3):
        total.add(json.loads(json.dumps(filled().to_json())))
    one, three = filled().to_json(), total.to_json()
    for name, value in one.items():
        tripled = {key: 3 * number for key, number in value.items()} if isinstance(value, dict) else 3 * value
        assert three[name] == tripled


@pytest.mark.parametrize("counts", [{}, {"items": "many"}, {**filled().to_json(), "labels": [1]}, {"items": None}])
def test_anything_else_is_refused(counts: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        Tally().add(counts)
