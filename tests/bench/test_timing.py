import numpy as np
import pytest

from bench import cost, timing


def test_candidates_take_turns_after_their_warm_up() -> None:
    called: list[str] = []
    taken = timing.interleaved({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, runs=4)
    assert [len(values) for values in taken.values()] == [4, 4]
    assert "".join(called[2 * timing.WARM_UP :]) == "abbaabba"


def test_a_ratio_is_taken_round_by_round() -> None:
    # The machine was three times as slow in the last round. The ratios do not show it.
    found = timing.compared({"ours": [1.0, 1.0, 3.0], "origin": [2.0, 2.0, 6.0]}, "origin", "ours")
    assert found["ratio"] == {"median": 2.0, "low": 2.0, "high": 2.0, "runs": 3}
    assert found["ms"]["origin"]["median"] == 2.0
    assert found["ms"]["origin"]["high"] == 4.0


def test_cost_follows_time_memory_and_architecture() -> None:
    # 100 ms at 1,024 MB: 0.1 GB-s at 0.0000166667 USD, plus the request.
    assert cost.usd_per_thousand(100, 1024, "x86_64") == 0.001867
    assert cost.usd_per_thousand(99.2, 1024, "x86_64") == 0.001867  # billed in whole milliseconds
    assert cost.usd_per_thousand(100, 1024, "arm64") == 0.001533


def test_a_batch_shares_one_request() -> None:
    # Five of 20 ms at 1,024 MB are one request of 100 ms.
    assert cost.usd_per_thousand_in_batches(20, 5, 1024, "x86_64") == round(0.001867 / 5, 6)


RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("values", "modes"),
    [
        ([10, 10.1, 9.9, 10, 22, 22.1, 21.9, 22], (10, 22)),
        ([10.0] * 3 + [22.0] * 9, (10, 22)),
        (RANDOM.normal(10, 1, 200).tolist(), None),
        (RANDOM.uniform(10, 20, 200).tolist(), None),
        ([10.0] * 19 + [22.0], None),  # an outlier is not a mode
        ([10.0, 10.2] * 8, None),  # two modes that are too close to matter
        ([10.0, 22.0], None),
        ([], None),
    ],
)
def test_two_modes_are_distinguished_from_one_wide_mode(values: list[float], modes: tuple[float, float] | None) -> None:
    assert timing.two_modes(values) == modes
