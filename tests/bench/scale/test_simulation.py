import pytest

from bench.scale import assumptions, simulation

PAUSE = assumptions.QUEUE_MS.value / 1000
PLATFORM = assumptions.PLATFORM_START_MS.value / 1000


def test_one_instance_takes_batches_in_sequence() -> None:
    found = simulation.run(simulation.burst(12, 5), lambda _: 1, lambda images: images / 5, [2.0])
    assert (found.images, found.invocations, found.instances) == (12, 3, 1)
    # A cold start of the platform and of Python, two full batches and one of two images, with a pause after each.
    assert found.finished == pytest.approx(PLATFORM + 2.0 + 1.0 + PAUSE + 1.0 + PAUSE + 0.4)
    assert found.billed_seconds == pytest.approx(2.0 + 2.4)  # INIT is billed, the work of the platform is not
    assert found.most_at_once == 1


def test_a_queue_starts_with_five_batches_and_adds_more_each_minute() -> None:
    allowed = simulation.queue_allows(1000)
    assert [allowed(second) for second in (0, 60, 120, 10_000)] == [5, 305, 605, 1000]
    assert simulation.queue_allows(10)(60) == 10
    assert simulation.queue_allows(2)(0) == 2
    assert simulation.queue_allows(5000)(10_000) == assumptions.MOST_BATCHES.value


def test_a_map_starts_children_at_a_rate() -> None:
    allowed = simulation.map_allows(1000)
    assert [allowed(second) for second in (0, 1, 100)] == [1, 100, 1000]


def test_the_age_of_a_burst_is_the_wait_of_its_last_batch() -> None:
    found = simulation.run(simulation.burst(100, 10), lambda _: 2, lambda _: 1.0, [0.0])
    assert found.most_at_once == 2
    assert found.oldest == found.ages[-1][1] > found.ages[0][1] == 0


def test_twice_the_concurrency_takes_half_of_the_time_at_the_same_price() -> None:
    one = simulation.run(simulation.burst(1000, 10), lambda _: 1, lambda _: 1.0, [0.0])
    two = simulation.run(simulation.burst(1000, 10), lambda _: 2, lambda _: 1.0, [0.0])
    assert one.finished / two.finished == pytest.approx(2, rel=0.02)
    assert one.billed_seconds == two.billed_seconds


def test_new_instances_are_limited_by_the_rate_of_lambda() -> None:
    """3,000 batches at once, all allowed: 1,000 instances start at once, and then 100 per second."""
    found = simulation.run(simulation.burst(3000, 1), lambda _: 3000, lambda _: 1000.0, [1.0])
    begins = [second for second, _ in found.running]
    assert begins[999] == 0
    assert begins[1999] == pytest.approx(10, rel=0.01)
    assert begins[2999] == pytest.approx(20, rel=0.01)


def test_a_waiting_batch_starts_when_more_are_allowed() -> None:
    found = simulation.run(simulation.burst(6, 1), simulation.queue_allows(6), lambda _: 100.0, [0.0])
    assert found.running[5][0] == pytest.approx(0.2, abs=0.11)  # five at once, another after a fifth of a second


def test_batches_fill_up_only_where_images_come_fast() -> None:
    assert {batch.images for batch in simulation.steady(1, 10, batch=5, allowed=5)} == {1}
    assert {batch.images for batch in simulation.steady(100, 10, batch=5, allowed=5)} == {5}
    found = list(simulation.steady(2, 10, batch=5, allowed=5))
    assert (len(found), found[1].ready) == (20, 0.5)


def test_the_listing_of_a_map_does_not_count_as_age() -> None:
    rate = assumptions.LISTED_A_SECOND.value
    found = simulation.run(simulation.listed(int(rate), 100), lambda _: 1000, lambda _: 0.001, [0.0])
    assert found.finished >= 1
    assert found.oldest < 0.1
    assert sum(batch.images for batch in simulation.listed(7, 5)) == 7
    assert sum(batch.images for batch in simulation.burst(7, 5)) == 7


def test_the_same_seed_draws_the_same_cold_starts() -> None:
    runs = [simulation.run(simulation.burst(50, 1), lambda _: 10, lambda _: 1.0, [1.0, 2.0, 3.0]) for _ in range(2)]
    assert runs[0] == runs[1]
