"""Durations, parameters and what a customer may change of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.alerts import DownTime, ParameterError, Parameters, customise
from ofd_gateway.durations import DurationError, parse_duration, spell_duration
from tests.alerts.scene import START, days, hours


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("3s", timedelta(seconds=3)),
        ("500ms", timedelta(milliseconds=500)),
        ("24h", hours(24)),
        (" 45D ", days(45)),
        ("1h30m", timedelta(minutes=90)),
        ("0d", timedelta()),
        ("1.5h", timedelta(minutes=90)),
    ],
)
def test_durations(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "3", "h", "3 weeks", "-3s", "3s,4s", "9999999999999d"])
def test_no_durations(text: str) -> None:
    with pytest.raises(DurationError):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "spelt"),
    [
        (timedelta(), "0d"),
        (days(30), "30d"),
        (hours(36), "36h"),
        (timedelta(minutes=90), "90m"),
        (timedelta(milliseconds=1500), "1500ms"),
        (timedelta(microseconds=1), "0.000001s"),
    ],
)
def test_spelling(duration: timedelta, spelt: str) -> None:
    assert spell_duration(duration) == spelt


def test_spelling_of_days_begins_where_asked() -> None:
    assert [spell_duration(hours(n), days_from=days(4)) for n in (24, 72, 96)] == ["24h", "72h", "4d"]


@given(st.integers(0, 10**9).map(lambda count: timedelta(milliseconds=count)), st.integers(1, 10).map(days))
def test_what_is_spelt_is_read_back(duration: timedelta, days_from: timedelta) -> None:
    assert parse_duration(spell_duration(duration, days_from=days_from)) == duration


def test_defaults() -> None:
    parameters = Parameters()
    assert parameters.service_ending.before == tuple(days(n) for n in (30, 14, 7, 3, 1, 0))
    assert parameters.messages_low.left == (50, 10, 0)
    assert parameters.register_silent.after == (hours(24), hours(72), days(7), days(25))
    assert (parameters.fn_filling.percent, parameters.fn_filling.capacity) == ((80, 90, 95), 250_000)
    assert parameters.fn_expiring.before == tuple(days(n) for n in (45, 30, 7, 3, 0))
    assert parameters.documents_unsent.after == tuple(days(n) for n in (1, 3, 10, 20, 25, 28))


def test_customers_change_what_they_name_and_nothing_else() -> None:
    changed = customise(
        Parameters(),
        {
            "timezone": "Asia/Omsk",
            "register_silent": {"after": "3s, 6s", "critical_from": "6s"},
            "messages_low": {"left": "100,20"},
            "fn_filling": {"percent": [70], "capacity": "1000", "capacities": {"9999": 10}},
            "fn_expiring": {"before": ["60d", days(7)], "life": days(300)},
            "fns_rejected": {"many": 3},
        },
    )
    assert changed.timezone == "Asia/Omsk"
    assert changed.register_silent.after == (timedelta(seconds=3), timedelta(seconds=6))
    assert changed.register_silent.critical_from == timedelta(seconds=6)
    assert changed.messages_low.left == (100, 20)
    assert (changed.fn_filling.percent, changed.fn_filling.capacity) == ((70,), 1000)
    assert changed.fn_filling.capacities == {"9999": 10}
    assert (changed.fn_expiring.before, changed.fn_expiring.life) == ((days(60), days(7)), days(300))
    assert changed.fns_rejected.many == 3
    assert changed.service_ending == Parameters().service_ending


@pytest.mark.parametrize(
    ("overrides", "parameter"),
    [
        ({"nothing": {}}, "nothing"),
        ({"mark": "x"}, "mark"),
        ({"down_times": []}, "down_times"),
        ({"timezone": 5}, "timezone"),
        ({"timezone": "Europe/Nowhere"}, "timezone"),
        ({"register_silent": "24h"}, "register_silent"),
        ({"register_silent": {"before": "24h"}}, "register_silent.before"),
        ({"register_silent": {"after": "soon"}}, "register_silent.after"),
        ({"register_silent": {"after": 24}}, "register_silent.after"),
        ({"register_silent": {"after": [24]}}, "register_silent.after"),
        ({"register_silent": {"after": "-1d"}}, "register_silent.after"),
        ({"register_silent": {"critical_from": 24}}, "register_silent.critical_from"),
        ({"messages_low": {"left": "fifty"}}, "messages_low.left"),
        ({"fn_filling": {"capacity": "many"}}, "fn_filling.capacity"),
        ({"fn_filling": {"capacity": 0}}, "fn_filling.capacity"),
        ({"fn_filling": {"capacities": {"9999": 0}}}, "fn_filling.capacities"),
        ({"fns_rejected": {"many": 0}}, "fns_rejected.many"),
    ],
)
def test_what_does_not_exist_or_fit_is_named(overrides: dict[str, object], parameter: str) -> None:
    with pytest.raises(ParameterError) as raised:
        customise(Parameters(), overrides)
    assert raised.value.parameter == parameter


def test_the_mark_tells_thresholds_apart_and_is_nothing_to_down_times() -> None:
    parameters = Parameters()
    down = DownTime(START, START + hours(1))
    assert parameters.after_outages((down,)).mark == parameters.mark
    assert parameters.after_outages((down,)).down_times == (down,)
    assert customise(parameters, {"fd_gap": {"after": "5m"}}).mark != parameters.mark
    assert customise(parameters, {"timezone": "Asia/Omsk"}).mark != parameters.mark
    assert customise(parameters, {"fd_gap": {"after": "10m"}}).mark == parameters.mark
