import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pneumonia_cli.client.parallel import ordered_map


def test_values_come_in_order_whatever_finishes_first() -> None:
    second_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second_done.wait(30)
        if item == 1:
            second_done.set()
        return item * 10

    with ThreadPoolExecutor(2) as pool:
        assert list(ordered_map(pool, work, range(5), ahead=3)) == [0, 10, 20, 30, 40]


def test_never_more_ahead_than_asked_for() -> None:
    taken = 0

    def items() -> object:
        nonlocal taken
        for item in range(100):
            taken += 1
            yield item

    with ThreadPoolExecutor(2) as pool:
        for given, value in enumerate(ordered_map(pool, lambda item: item, items(), ahead=4)):  # type: ignore[arg-type, var-annotated]
            assert value == given
            assert taken - given <= 4
    assert taken == 100


def test_an_error_ends_it_and_what_waits_is_dropped() -> None:
    done: list[int] = []

    def work(item: int) -> int:
        if item == 0:
            raise ValueError("first")
        done.append(item)
        return item

    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="first"):
        list(ordered_map(pool, work, range(50), ahead=2))
    assert len(done) <= 2
