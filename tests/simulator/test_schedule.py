"""When documents are due, whatever the answers do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.simulator.schedule import LoadStep, Outage, Schedule, cut_off_until

RATES = st.floats(0.1, 1000)
STEPS = st.lists(st.builds(LoadStep, rate_per_s=RATES, for_s=st.floats(0.5, 100)), min_size=1, max_size=5)


def test_a_constant_rate():
    schedule = Schedule([LoadStep(rate_per_s=4)])

    assert [schedule.due_s(number) for number in range(5)] == [0, 0.25, 0.5, 0.75, 1.0]
    assert schedule.due_until(1.0) == 4
    assert schedule.duration_s is None


def test_rates_follow_one_another():
    schedule = Schedule([LoadStep(rate_per_s=1, for_s=2), LoadStep(rate_per_s=10, for_s=1)])

    assert [schedule.due_s(number) for number in (0, 1, 2, 3, 12)] == pytest.approx([0, 1, 2, 2.1, 3])
    assert schedule.duration_s == 3
    assert schedule.due_until(3) == 12


@given(STEPS, st.integers(0, 5000))
def test_documents_are_due_in_order_and_counted_alike(steps, number):
    schedule = Schedule(steps)
    due_s = schedule.due_s(number)

    assert due_s <= schedule.due_s(number + 1)
    assert abs(schedule.due_until(due_s) - number) <= 1


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], "at least one step"),
        ([LoadStep(rate_per_s=0)], "above zero"),
        ([LoadStep(rate_per_s=1), LoadStep(rate_per_s=2)], "has a duration"),
    ],
)
def test_loads_without_sense_are_refused(steps, words):
    with pytest.raises(ValueError, match=words):
        Schedule(steps)


def test_an_outage_has_an_end():
    outages = [Outage(after_s=3, for_s=2), Outage(after_s=4, for_s=3)]

    assert [cut_off_until(outages, moment) for moment in (0, 3, 4.5, 6.9, 7)] == [None, 5, 7, 7, None]
