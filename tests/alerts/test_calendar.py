"""Working calendars as people write them."""

from __future__ import annotations

from datetime import date

import pytest

from ofd_gateway.alerts import WorkingCalendar
from ofd_gateway.alerts.calendar import CalendarError, parse_calendar, parse_clock_times

NINE_TO_SIX = (540, 1080)


def test_days_ranges_and_single_dates() -> None:
    assert parse_calendar("mon-fri=09:00-18:00, sat=10:00-24:00, off=2026-12-31, on=2027-01-09, on=2027-01-10") == (
        WorkingCalendar(
            week=(NINE_TO_SIX,) * 5 + ((600, 1440), None),
            days_off=frozenset({date(2026, 12, 31)}),
            days_on=frozenset({date(2027, 1, 9), date(2027, 1, 10)}),
        )
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mon",
        "mon=9-18",
        "mon=18:00-09:00",
        "fri-mon=09:00-18:00",
        "day=09:00-18:00",
        "off=2026-02-30",
        "mon=09:00-24:30",
    ],
)
def test_what_makes_no_sense_is_named(text: str) -> None:
    with pytest.raises(CalendarError):
        parse_calendar(text)


def test_clock_times_may_go_over_midnight() -> None:
    assert parse_clock_times("22:00-08:00") == (1320, 480)
