"""Process a few images at a time: while one is predicted, others are read from S3 or their results are written."""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

IN_FLIGHT = 5
"""How many images are processed at once. It equals the default `batch_size`, so no image in a batch waits for the S3
calls of another image.

Each image needs four S3 calls and one computation (docs/scale.md). Each image in progress keeps its file in memory, at
most `max_image_bytes`."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def overlapping(
    items: Sequence[Item],
    lane: Callable[[Item], Hashable],
    process: Callable[[Item], Result],
    in_flight: int = IN_FLIGHT,
) -> list[Result]:
    """Process items in threads, at most `in_flight` at once, and return the results in the order of the items.

    `process` must not raise. `lane` returns a key: items with the same key are processed one after the other, in order.
    """
    lanes: dict[Hashable, list[int]] = {}
    for place, item in enumerate(items):
        lanes.setdefault(lane(item), []).append(place)
    results: dict[int, Result] = {}

    def process_lane(places: list[int]) -> None:
        for place in places:
            results[place] = process(items[place])

    with ThreadPoolExecutor(in_flight, thread_name_prefix="image") as pool:
        list(pool.map(process_lane, lanes.values()))
    return [results[place] for place in range(len(items))]
