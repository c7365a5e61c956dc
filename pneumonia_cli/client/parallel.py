"""Run many calls in parallel, and keep only a few results in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


def ordered_map(
    pool: ThreadPoolExecutor, function: Callable[[Item], Value], items: Iterable[Item], ahead: int
) -> Iterator[Value]:
    """Yield the results in the order of `items`. At most `ahead` calls are started whose results are not yet yielded.

    `Executor.map` would start all calls at once and keep every result until it is read. Raises the errors of
    `function`. Calls that have not started are then cancelled.
    """
    begun: deque[Future[Value]] = deque()
    try:
        for item in items:
            begun.append(pool.submit(function, item))
            if len(begun) >= ahead:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        for future in begun:
            future.cancel()
