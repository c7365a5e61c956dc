"""A few at a time: while one film is computed, others are read from S3 and written to it."""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

IN_FLIGHT = 5
"""Images at once: as many as the default `batch_size` has, so that none of a batch waits for another one's S3 calls.

Each waits for S3 four times and computes once (docs/scale.md), and each holds its file in memory, of `max_image_bytes`
at most."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def overlapping(
    items: Sequence[Item],
    lane: Callable[[Item], Hashable],
    process: Callable[[Item], Result],
    in_flight: int = IN_FLIGHT,
) -> list[Result]:
    """Process items in threads, so many at once. Returns their results in the order of the items; `process` must not
    raise.

    `lane` tells the lane of an item: those of one lane are processed one after the other, in their order.
    """
    lanes: dict[Hashable, list[int]] = {}
    for place, item in enumerate(items):
        lanes.setdefault(lane(item), []).append(place)
    results: dict[int, Result] = {}

    def process_lane(places: list[int]) -> None:
        for place in places:
            results[place] = process(items[place])

    with ThreadPoolExecutor(in_flight, thread_name_prefix="film") as pool:
        list(pool.map(process_lane, lanes.values()))
    return [results[place] for place in range(len(items))]
