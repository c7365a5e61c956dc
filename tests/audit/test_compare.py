import json

import numpy as np
import pytest

from pneumonia_cli.audit.compare import MOST_SHOWN, compare
from tests.audit.conftest import Images, answer, refusal


def test_changes_of_a_switch(images: Images) -> None:
    first = [answer(0.95), answer(0.3), answer(0.05), answer(0.5), answer(0.2)]
    second = [answer(0.91), answer(0.6), answer(0.03), answer(0.2), answer(0.2)]
    found = compare(images(1, 1, 0, 0, 0), first, second)
    assert found.films == 5
    assert found.triage["indeterminate"]["indeterminate"] == 3
    assert (found.triage_changed, found.labels_changed) == (0, {"pneumonia": 1, "normal": 1})
    assert [change.file for change in found.largest[:2]] == ["f1", "f3"]
    assert found.largest[0].difference == pytest.approx(0.3)
    assert found.auc.value == pytest.approx(1 - 5 / 6)
    json.dumps(found.to_json(), allow_nan=False)


def test_only_images_that_both_answered_are_compared(images: Images) -> None:
    first = [answer(0.9), refusal("too_small"), answer(0.1), answer(0.95)]
    second = [answer(0.9), answer(0.9), refusal("blank_image"), answer(0.05)]
    found = compare(images(1, 1, 0, 0), first, second)
    assert (found.films, found.answered_by_one) == (2, {"first": 1, "second": 1})
    assert found.triage["likely_pneumonia"]["likely_normal"] == 1
    assert found.triage_changed == 1


def test_nothing_in_common(images: Images) -> None:
    found = compare(images(1, 0), [answer(0.9), refusal("a")], [refusal("a"), answer(0.2)])
    assert found.films == 0
    assert np.isnan(found.auc.value)
    assert found.to_json()["auc"] == [None, None, None]


def test_the_largest_of_many_differences_are_shown(images: Images) -> None:
    count = 3 * MOST_SHOWN
    first, second = [answer(0.5)] * count, [answer(0.5 + k / (3 * count)) for k in range(count)]
    found = compare(images(*[k % 2 for k in range(count)]), first, second)
    assert len(found.largest) == MOST_SHOWN
    assert found.largest[0].file == f"f{count - 1}"
