"""Time that counts: zones, daylight saving, pauses."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.alerts import DownTime, WorkingCalendar
from ofd_gateway.alerts.timeline import due_at, elapsed, local_date, start_of_day, to_utc, zone

BERLIN = zone("Europe/Berlin")
T = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("name", ["Europe/Nowhere", "../etc/passwd", "", "Europe"])
def test_unknown_zones_are_refused(name: str) -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        zone(name)


def test_days_begin_by_the_clock_of_the_place() -> None:
    assert start_of_day(date(2026, 3, 29), BERLIN) == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert start_of_day(date(2026, 3, 30), BERLIN) == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert local_date(datetime(2026, 3, 28, 23, tzinfo=UTC), BERLIN) == date(2026, 3, 29)
    assert to_utc(datetime.fromisoformat("2026-07-01T12:00"), BERLIN) == datetime(2026, 7, 1, 10, tzinfo=UTC)


def test_a_day_of_daylight_saving_has_23_hours() -> None:
    weekend_off = WorkingCalendar(week=((0, 1440),) * 5 + (None, None))
    friday_noon, monday_noon = T, datetime(2026, 3, 30, 12, 0, tzinfo=UTC)
    counted = elapsed(friday_noon, monday_noon, (), weekend_off, BERLIN)
    assert counted == timedelta(hours=11) + timedelta(hours=14)
    assert due_at(friday_noon, counted, (), weekend_off, BERLIN) == monday_noon


def test_working_hours_and_days_that_work_although_they_are_off() -> None:
    calendar = WorkingCalendar(
        week=((600, 1200),) * 5 + ((600, 720), None),
        days_off=frozenset({date(2026, 3, 30), date(2026, 3, 31)}),
        days_on=frozenset({date(2026, 3, 29), date(2026, 3, 31)}),
    )
    friday = datetime(2026, 3, 27, 18, 0, tzinfo=UTC)  # 19:00 in Berlin, an hour before the end
    assert due_at(friday, timedelta(hours=1), (), calendar, BERLIN) == friday + timedelta(hours=1)
    # one hour on Friday, two on Saturday, ten on Sunday (works as on the busiest day), none on Monday, Tuesday works
    assert due_at(friday, timedelta(hours=14), (), calendar, BERLIN) == datetime(2026, 3, 31, 9, 0, tzinfo=UTC)


def test_a_calendar_without_a_pause_is_a_plain_clock() -> None:
    assert due_at(T, timedelta(hours=24), (), WorkingCalendar(), BERLIN) == T + timedelta(hours=24)


def test_a_calendar_that_never_works_is_never_due() -> None:
    assert due_at(T, timedelta(hours=1), (), WorkingCalendar(week=(None,) * 7), BERLIN) is None


def test_a_day_that_works_in_a_week_that_does_not_works_all_day() -> None:
    calendar = WorkingCalendar(week=(None,) * 7, days_on=frozenset({date(2026, 4, 1)}))
    assert due_at(T, timedelta(hours=24), (), calendar, BERLIN) == datetime(2026, 4, 1, 22, tzinfo=UTC)


def test_down_times_overlap_each_other_and_days_off() -> None:
    down = tuple(
        DownTime(T + timedelta(hours=a), T + timedelta(hours=b))
        for a, b in ((5, 8), (1, 3), (2, 6), (-4, -2), (30, 31))
    )
    assert elapsed(T, T + timedelta(hours=10), down) == timedelta(hours=3)
    assert due_at(T, timedelta(hours=3), down) == T + timedelta(hours=10)
    calendar = WorkingCalendar(week=((0, 1440),) * 5 + (None, None))
    assert elapsed(T, T + timedelta(hours=100), down, calendar, BERLIN) == timedelta(hours=4 + 42)


def test_nothing_has_passed_before_the_beginning() -> None:
    assert elapsed(T, T - timedelta(days=1), (DownTime(T, T + timedelta(hours=1)),)) == timedelta()


spans = st.integers(0, 60 * 24 * 10).map(lambda count: timedelta(minutes=count))
hours_of_work = st.one_of(
    st.none(),
    st.tuples(st.integers(0, 1440), st.integers(0, 1440)).filter(lambda pair: pair[0] < pair[1]),
)
calendars = st.one_of(
    st.none(),
    st.builds(
        lambda week, off, on: WorkingCalendar(week=tuple(week), days_off=frozenset(off), days_on=frozenset(on)),
        st.lists(hours_of_work, min_size=7, max_size=7),
        st.lists(st.dates(date(2026, 3, 20), date(2026, 4, 20)), max_size=3),
        st.lists(st.dates(date(2026, 3, 20), date(2026, 4, 20)), max_size=3),
    ),
)


@given(
    duration=spans.filter(bool),
    outages=st.lists(st.tuples(spans, spans), max_size=4),
    calendar=calendars,
)
def test_due_is_the_first_moment_at_which_enough_has_passed(
    duration: timedelta, outages: list[tuple[timedelta, timedelta]], calendar: WorkingCalendar | None
) -> None:
    down = tuple(DownTime(T - timedelta(days=2) + at, T - timedelta(days=2) + at + span) for at, span in outages)
    due = due_at(T, duration, down, calendar, BERLIN)
    if due is None:
        assert calendar is not None
        return
    assert elapsed(T, due, down, calendar, BERLIN) == duration
    assert elapsed(T, due - timedelta(microseconds=1), down, calendar, BERLIN) < duration
