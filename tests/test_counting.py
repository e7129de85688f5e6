"""Counters and histograms: whatever is counted is there when it is read, in one turn of a loop or outside of any."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import prometheus_client
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from ofd_gateway.counting import Counter, Histogram, write_gathered

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUNDS = (0.001, 0.01, 0.1, 1.0)
AMOUNTS = st.lists(st.sampled_from((0.0, 0.001, 0.0011, 0.01, 0.1, 0.5, 1.0, 7.5)), max_size=30)


def test_a_turn_of_a_loop_writes_a_counter_once() -> None:
    registry = CollectorRegistry()
    counter = Counter("documents", "Documents", ["kind"], registry=registry)

    async def count() -> tuple[float, float]:
        for _ in range(5):
            counter.labels("receipt").inc()
        counter.labels("bso").inc(3)
        before = _value(registry, 'documents_total{kind="receipt"}')
        await asyncio.sleep(0)
        return before, _value(registry, 'documents_total{kind="receipt"}')

    assert asyncio.run(count()) == (0.0, 5.0)
    assert _value(registry, 'documents_total{kind="bso"}') == 3.0


def test_what_gathers_is_written_for_a_reader_and_not_twice() -> None:
    registry = CollectorRegistry()
    counter = Counter("documents", "Documents", registry=registry)

    async def count() -> float:
        counter.inc()
        write_gathered()
        value = _value(registry, "documents_total")
        counter.inc()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return value

    assert asyncio.run(count()) == 1.0
    assert _value(registry, "documents_total") == 2.0


def test_outside_a_loop_a_value_is_written_at_once() -> None:
    registry = CollectorRegistry()
    counter = Counter("documents", "Documents", registry=registry)
    seconds = Histogram("seconds", "Seconds", buckets=BOUNDS, registry=registry)
    counter.inc()
    seconds.observe(0.5)
    assert _value(registry, "documents_total") == 1.0
    assert _value(registry, "seconds_count") == 1.0


def test_what_gathered_in_a_loop_that_ended_in_the_middle_is_not_lost() -> None:
    registry = CollectorRegistry()
    counter = Counter("documents", "Documents", registry=registry)
    loop = asyncio.new_event_loop()
    loop.call_soon(loop.stop)
    loop.call_soon(counter.inc)
    loop.run_forever()
    loop.close()

    async def count() -> None:
        counter.inc()
        await asyncio.sleep(0)

    asyncio.run(count())
    write_gathered()
    assert _value(registry, "documents_total") == 2.0


@given(AMOUNTS, st.booleans())
def test_a_histogram_is_that_of_the_library(amounts: list[float], in_one_turn: bool) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    seconds = Histogram("seconds", "Seconds", buckets=BOUNDS, registry=ours)
    expected = prometheus_client.Histogram("seconds", "Seconds", buckets=BOUNDS, registry=theirs)

    async def observe() -> None:
        for amount in amounts:
            seconds.observe(amount)
            if not in_one_turn:
                await asyncio.sleep(0)

    asyncio.run(observe())
    for amount in amounts:
        expected.observe(amount)
    assert dict(_samples(ours)) == dict(_samples(theirs))


def _value(registry: CollectorRegistry, sample: str) -> float:
    return dict(_samples(registry)).get(sample, 0.0)


def _samples(registry: CollectorRegistry) -> Iterator[tuple[str, float]]:
    for line in generate_latest(registry).decode().splitlines():
        name, _, value = line.rpartition(" ")
        if not name.startswith("#") and "_created" not in name:
            yield name, round(float(value), 9)
