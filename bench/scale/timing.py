"""How long an invocation takes: images of a batch overlap while they wait for S3, and one computes at a time.

A small model of `uploads.concurrency`: so batch sizes and images in flight are compared without measuring each.
`make bench` measures two points of it (`worker.latency`); docs/scale.md shows how near it comes to them.
"""

import heapq
from dataclasses import dataclass

CALLS_BEFORE, CALLS_AFTER = 1, 3
"""Calls of S3 of one image before it computes (the upload is read) and after (a look, the heatmap, the result)."""


@dataclass(frozen=True)
class Work:
    """What one image takes: milliseconds of computing, and of one call of S3. `in_flight`: images at once."""

    compute_ms: float
    s3_ms: float
    in_flight: int

    def batch_ms(self, images: int) -> float:
        """Milliseconds of an invocation with so many images."""
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
