"""A model of the duration of an invocation: images wait for S3 at the same time, but compute one after another.

It models `uploads.concurrency`, to compare batch sizes and numbers of images in flight without measuring each one.
`make bench` measures two points (`worker.latency`), which docs/scale.md compares with the model.
"""

import heapq
from dataclasses import dataclass

CALLS_BEFORE, CALLS_AFTER = 1, 3
"""Calls to S3 for one image before it computes (read the upload) and after (check for a newer result, write heatmap
and result)."""


@dataclass(frozen=True)
class Work:
    """The work for one image: milliseconds of computing, and of one call to S3. `in_flight`: images at once."""

    compute_ms: float
    s3_ms: float
    in_flight: int

    def batch_ms(self, images: int) -> float:
        """Return the milliseconds of an invocation with `images` images."""
        lanes = [0.0] * min(self.in_flight, max(images, 1))
        heapq.heapify(lanes)
        computer_free = end = 0.0
        for _ in range(images):
            ready = heapq.heappop(lanes) + CALLS_BEFORE * self.s3_ms
            computer_free = max(ready, computer_free) + self.compute_ms
            done = computer_free + CALLS_AFTER * self.s3_ms
            heapq.heappush(lanes, done)
            end = max(end, done)
        return end
