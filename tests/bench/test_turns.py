import os
from collections.abc import Iterator
from typing import Any

import pytest

from bench.turns import ATTEMPTS, Candidate, Ruler, Turn


class Told:
    """A subject with given times, in milliseconds of wall clock and of CPU time."""

    pid = os.getpid()

    def __init__(self, turns: Iterator[tuple[float, float]], log: list[str]) -> None:
        self._turns = turns
        self._log = log

    def turn(self, call: str, image: str) -> Turn:
        self._log.append(call)
        return Turn(*next(self._turns))


def ruler(log: list[str], **turns: list[tuple[float, float]]) -> Ruler:
    subjects: Any = {name: Told(iter(values), log) for name, values in turns.items()}
    return Ruler(subjects, wait=lambda pids: log.append("wait"))


def candidates(*names: str) -> dict[str, Candidate]:
    return {name: Candidate(name, name, "image") for name in names}


@pytest.mark.parametrize(
    ("ms", "cpu_ms", "disturbed"),
    [(10, 9.9, False), (100, 98.5, False), (20, 10, True), (10, 9, True), (10, 12, False), (0.5, 0.3, False)],
)
def test_a_turn_is_disturbed_if_it_lost_cpu_time(ms: float, cpu_ms: float, disturbed: bool) -> None:
    assert Turn(ms, cpu_ms).disturbed is disturbed


def test_all_subjects_are_idle_before_each_turn_and_rounds_rotate() -> None:
    log: list[str] = []
    quiet = [(10.0, 10.0)] * 9
    ruler(log, a=quiet, b=quiet).rounds(candidates("a", "b"), runs=2)
    assert log[::2] == ["wait"] * (len(log) // 2)
    assert "".join(log[1::2]) == "ab" + "ab" + "ba"  # the first two create the calls


def test_a_disturbed_turn_is_repeated() -> None:
    log: list[str] = []
    found = ruler(log, a=[(1, 1), (30, 10), (11, 11)], b=[(1, 1), (20, 20)]).rounds(candidates("a", "b"), runs=1)
    assert found.undisturbed == {"a": [11], "b": [20]}
    assert found.counts == {"taken": 1, "undisturbed": 1, "quiet": True}


def test_a_round_that_stays_disturbed_counts_only_if_there_are_too_few_others() -> None:
    noisy, calm = [(30.0, 10.0)] * ATTEMPTS, [(10.0, 10.0)]
    mixed = ruler([], a=[(1, 1), *noisy, *(calm * 10)]).rounds(candidates("a"), runs=10)
    assert mixed.counts == {"taken": 11, "undisturbed": 10, "quiet": True}
    assert mixed.ms == {"a": [10.0] * 10}
    loud = ruler([], a=[(1, 1), *(noisy * 15)]).rounds(candidates("a"), runs=10)
    assert loud.counts == {"taken": 15, "undisturbed": 0, "quiet": False}
    assert loud.ms == {"a": [30.0] * 15}
