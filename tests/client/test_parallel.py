import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pneumonia_cli.client.parallel import ordered_map


def test_values_are_returned_in_the_order_of_the_items() -> None:
    second_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert second_done.wait(120)
        if item == 1:
            second_done.set()
        return item * 10

    with ThreadPoolExecutor(2) as pool:
        assert list(ordered_map(pool, work, range(5), ahead=3)) == [0, 10, 20, 30, 40]


def test_no_more_calls_run_ahead_than_the_limit() -> None:
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


def test_an_error_cancels_the_calls_that_have_not_started() -> None:
    done: list[int] = []

    def work(item: int) -> int:
        if item == 0:
            raise ValueError("first")
        done.append(item)
        return item

    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="first"):
        list(ordered_map(pool, work, range(50), ahead=2))
    assert len(done) <= 2
