from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.simulator.latency import LatencyHistogram


def test_without_samples_nothing_is_claimed() -> None:
    latency = LatencyHistogram()

    assert latency.percentile_ms(50) is None
    assert latency.max_ms is None


@given(st.lists(st.integers(0, 3600 * 10**6), min_size=1, max_size=200), st.sampled_from([1, 50, 90, 99, 99.9, 100]))
def test_percentiles_are_the_sorted_sample_within_a_bucket(durations_us: list[int], percent: float) -> None:
    latency = LatencyHistogram()
    for duration_us in durations_us:
        latency.add((duration_us + 0.5) / 1_000_000)
    rank = max(1, int(-(-len(durations_us) * percent // 100)))
    exact_ms = sorted(durations_us)[rank - 1] / 1000

    found_ms = latency.percentile_ms(percent)

    assert found_ms is not None
    assert exact_ms - 0.002 <= found_ms <= exact_ms * 1.04 + 0.002
    assert latency.percentile_ms(100) == latency.max_ms
    assert latency.count == len(durations_us)


def test_a_clock_that_steps_back_counts_as_nothing() -> None:
    latency = LatencyHistogram()

    latency.add(-1)

    assert latency.percentile_ms(50) == 0


def test_what_exceeds_the_last_bucket_is_kept_as_the_maximum() -> None:
    latency = LatencyHistogram()

    latency.add(30 * 86400)

    assert latency.max_ms == 30 * 86400 * 1000
