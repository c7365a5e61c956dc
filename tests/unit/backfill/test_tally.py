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
        "codes": {"object_archived": 1, "too_small": 1},
    }  # fmt: skip


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
