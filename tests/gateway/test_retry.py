from hypothesis import given
from hypothesis import strategies as st

from pneumonia_cli.gateway.retry import Backoff


@given(st.integers(1, 10_000))
def test_waits_grow_up_to_the_longest(attempts: int) -> None:
    backoff = Backoff(first=5.0, longest=600.0)
    full = min(600.0, 5.0 * 2 ** min(attempts - 1, 20))
    assert 0.75 * full <= backoff.seconds(attempts) <= full
