import pytest

from bench.scale.timing import Work


@pytest.mark.parametrize(
    ("images", "in_flight", "ms"),
    [
        (0, 4, 0),
        (1, 4, 420),  # one call of S3, computing, three calls
        (4, 4, 480),  # all read at once, then compute in sequence
        (5, 4, 840),  # the fifth begins when the first ends, at 420
        (5, 5, 500),
        (2, 1, 840),  # no overlap
    ],
)
def test_images_overlap_while_they_wait_and_one_computes(images: int, in_flight: int, ms: float) -> None:
    assert Work(compute_ms=20, s3_ms=100, in_flight=in_flight).batch_ms(images) == ms


def test_without_waiting_only_computing_counts() -> None:
    assert Work(20, 0, 4).batch_ms(10) == 200
