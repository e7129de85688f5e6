"""Buckets of tokens: how often one address may ask."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.web.rate_limit import RateLimiter


def test_a_burst_then_the_rate() -> None:
    limiter = RateLimiter(per_s=2.0, burst=3)
    assert [limiter.take("a", 10.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert limiter.take("a", 10.5) == 0
    assert limiter.take("a", 10.5) == 0.5


def test_a_refusal_costs_no_token() -> None:
    limiter = RateLimiter(per_s=1.0, burst=1)
    limiter.take("a", 0.0)
    assert [limiter.take("a", 0.5) for _ in range(5)] == [0.5] * 5
    assert limiter.take("a", 1.0) == 0


def test_addresses_do_not_share() -> None:
    limiter = RateLimiter(per_s=1.0, burst=1)
    assert (limiter.take("a", 0.0), limiter.take("b", 0.0)) == (0, 0)


def test_a_bucket_holds_no_more_than_the_burst() -> None:
    limiter = RateLimiter(per_s=1.0, burst=2)
    limiter.take("a", 0.0)
    assert [bool(limiter.take("a", 1e9)) for _ in range(3)] == [False, False, True]


def test_no_rate_is_no_limit() -> None:
    limiter = RateLimiter(per_s=0.0, burst=1)
    assert {limiter.take("a", 0.0) for _ in range(100)} == {0}
    assert len(limiter) == 0


def test_memory_is_bounded_and_the_busiest_stay() -> None:
    limiter = RateLimiter(per_s=0.001, burst=2, most_keys=10)
    for number in range(1000):
        limiter.take("busy", float(number) / 1000)
        limiter.take(str(number), float(number) / 1000)
    assert len(limiter) == 10
    assert limiter.take("busy", 1.0) > 0


@given(st.lists(st.floats(0, 100), max_size=50), st.floats(0.01, 10), st.integers(1, 10))
def test_never_more_than_burst_and_rate_together(pauses: list[float], per_s: float, burst: int) -> None:
    limiter = RateLimiter(per_s=per_s, burst=burst)
    now_s, taken = 0.0, 0
    for pause_s in pauses:
        now_s += pause_s
        taken += not limiter.take("a", now_s)
    assert taken <= burst + now_s * per_s + 1e-6


@given(st.floats(0.01, 10), st.integers(1, 5))
def test_after_the_wait_there_is_a_token(per_s: float, burst: int) -> None:
    limiter = RateLimiter(per_s=per_s, burst=burst)
    for _ in range(burst):
        limiter.take("a", 0.0)
    wait_s = limiter.take("a", 0.0)
    assert wait_s > 0
    assert limiter.take("a", wait_s + 1e-6) == 0
