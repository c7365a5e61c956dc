"""Many parallel calls, of which few are in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


def ordered_map(
    pool: ThreadPoolExecutor, function: Callable[[Item], Value], items: Iterable[Item], ahead: int
) -> Iterator[Value]:
    """Like `map`, in the order of `items`, with at most `ahead` calls that are started and not yet yielded.

    (`Executor.map` starts all calls at once and keeps every value until it is read.) Raises what the function raises;
    calls that have not started are then canceled.
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
