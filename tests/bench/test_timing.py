from bench import cost, timing


def test_candidates_take_turns_after_their_warm_up() -> None:
    called: list[str] = []
    taken = timing.interleaved({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, runs=4)
    assert [len(values) for values in taken.values()] == [4, 4]
    # Each twice, the first time untimed.
    assert "".join(called[4 * timing.WARM_UP :]) == "aabbbbaaaabbbbaa"


def test_a_ratio_is_taken_round_by_round() -> None:
    # The machine was three times as slow in the last round: no ratio shows it.
    found = timing.compared({"ours": [1.0, 1.0, 3.0], "origin": [2.0, 2.0, 6.0]}, "origin", "ours")
    assert found["ratio"] == {"median": 2.0, "low": 2.0, "high": 2.0, "runs": 3}
    assert found["ms"]["origin"]["median"] == 2.0
    assert found["ms"]["origin"]["high"] == 4.0


def test_cost_follows_time_memory_and_architecture() -> None:
    # 100 ms at 1,024 MB: 0.1 GB-s at 0.0000166667 USD, and the request.
    assert cost.usd_per_thousand(100, 1024, "x86_64") == 0.001867
    assert cost.usd_per_thousand(99.2, 1024, "x86_64") == 0.001867  # billed by whole milliseconds
    assert cost.usd_per_thousand(100, 1024, "arm64") == 0.001533
