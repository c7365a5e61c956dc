"""Event patterns: the refusals of EventBridge, and the matches of each operator as documented."""

from typing import Any

import pytest

from rehearsal.event_patterns import check, matches
from rehearsal.models import Refused

EVENT: dict[str, Any] = {
    "source": "pneumonia.triage",
    "detail": {"triage": "likely_pneumonia", "probability": 0.98, "code": None, "known": True, "tags": ["a", "b"],
               "model": {"version": "0.7.0"}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ({}, "at least one member"),
        ([], "must be an object"),
        ({"source": "pneumonia.triage"}, "'source' must be an object or an array"),
        ({"source": []}, "Empty arrays are not allowed"),
        ({"detail": {}}, "Empty objects are not allowed"),
        ({"detail": {"triage": [["likely_pneumonia"]]}}, "Match value must be"),
        ({"detail": {"triage": [{"begins-with": "likely"}]}}, "Unrecognized match type begins-with"),
        ({"detail": {"triage": [{"prefix": "a", "suffix": "b"}]}}, "Only one key allowed"),
        ({"detail": {"triage": [{"prefix": 3}]}}, "Value of prefix is not valid"),
        ({"detail": {"code": [{"exists": "true"}]}}, "Value of exists is not valid"),
        ({"detail": {"code": [{"anything-but": [None]}]}}, "Value of anything-but is not valid"),
        ({"detail": {"probability": [{"numeric": [">", "0.9"]}]}}, "Value of numeric is not valid"),
        ({"detail": {"probability": [{"numeric": ["=>", 0.9]}]}}, "Value of numeric is not valid"),
        ({"detail": {"triage": [{"wildcard": "likely*"}]}}, "wildcard is not rehearsed"),
        ({"$or": [{"source": ["a"]}]}, "is not rehearsed"),
        ({"source": ["x" * 2100]}, "longer than 2048"),
    ],
    ids=str,
)
def test_patterns_that_eventbridge_refuses_are_refused(pattern: Any, reason: str) -> None:
    with pytest.raises(Refused, match=r"InvalidEventPatternException") as refused:
        check(pattern)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ({"triage": ["likely_pneumonia"]}, True),
        ({"triage": ["likely_normal", "likely_pneumonia"]}, True),
        ({"triage": ["Likely_pneumonia"]}, False),
        ({"triage": [{"prefix": "likely"}]}, True),
        ({"triage": [{"suffix": "normal"}]}, False),
        ({"triage": [{"anything-but": "indeterminate"}]}, True),
        ({"triage": [{"anything-but": ["likely_pneumonia"]}]}, False),
        ({"triage": [{"anything-but": {"prefix": "likely"}}]}, False),
        ({"absent": [{"anything-but": "x"}]}, False),
        ({"probability": [{"numeric": [">", 0.9, "<=", 0.98]}]}, True),
        ({"probability": [{"numeric": ["<", 0.5]}]}, False),
        ({"triage": [{"numeric": [">", 0]}]}, False),
        ({"code": [None]}, True),
        ({"code": [{"exists": True}]}, True),
        ({"absent": [{"exists": False}]}, True),
        ({"absent": [None]}, False),
        ({"model": [{"exists": True}]}, False),
        ({"model": {"version": ["0.7.0"]}}, True),
        ({"triage": {"version": ["0.7.0"]}}, False),
        ({"known": [True]}, True),
        ({"known": [1]}, False),
        ({"known": ["true"]}, False),
        ({"tags": ["b", "c"]}, True),
        ({"tags": [{"prefix": "c"}]}, False),
        ({"triage": ["likely_pneumonia"], "known": [False]}, False),
    ],
    ids=str,
)
def test_an_event_matches_what_it_has(detail: dict[str, Any], expected: bool) -> None:
    pattern = {"source": ["pneumonia.triage"], "detail": detail}
    check(pattern)
    assert matches(pattern, EVENT) is expected
