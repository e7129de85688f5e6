"""Virtual time: what the clock shows, how long waits are under it, and how commands find it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.clock import (
    FASTEST,
    ClockSetting,
    SteppedClock,
    SystemClock,
    VirtualClock,
    forget_clock,
    leave_clock,
    left_clock,
    real_s,
)
from ofd_gateway.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from pathlib import Path

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


def setting(*, rate: float = 3600.0, ago: timedelta = timedelta()) -> ClockSetting:
    return ClockSetting(start=NEW_YEAR, rate=rate, anchor=datetime.now(UTC) - ago)


def test_a_virtual_clock_shows_its_start_at_its_anchor_and_goes_its_rate():
    before = datetime.now(UTC)
    clock = VirtualClock(setting(rate=1000.0, ago=timedelta(seconds=100)))
    shown = clock.now()
    real = datetime.now(UTC) - before

    assert NEW_YEAR + timedelta(seconds=100_000) <= shown
    assert shown <= NEW_YEAR + timedelta(seconds=100_000) + 1000 * (real + timedelta(seconds=1))
    assert shown.tzinfo is UTC


def test_processes_that_share_a_setting_share_the_time():
    shared = setting(ago=timedelta(seconds=5))
    first, second = VirtualClock(shared), VirtualClock(shared)

    assert abs(first.now() - second.now()) < timedelta(seconds=shared.rate * 5)


def test_a_virtual_clock_never_goes_back(monkeypatch):
    clock = VirtualClock(setting())
    seen = [clock.now()]
    monkeypatch.setattr(time, "time", lambda: 0.0)
    seen += [clock.now() for _ in range(100)]

    assert seen == sorted(seen)


def test_a_stepped_clock_stands_still_between_its_steps():
    clock = SteppedClock(NEW_YEAR, rate=60.0)

    assert clock.now() == clock.now() == NEW_YEAR
    assert clock.advance(timedelta(hours=2)) == clock.now() == NEW_YEAR + timedelta(hours=2)
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(timedelta(seconds=-1))


@given(span_s=st.floats(0, 1e6), at_least_s=st.floats(0, 10))
def test_the_machines_clock_waits_as_long_as_it_is_told(span_s, at_least_s):
    assert real_s(SystemClock(), span_s, at_least_s=at_least_s) == span_s


@given(span_s=st.floats(0, 1e6), rate=st.floats(1, FASTEST), at_least_s=st.floats(0, 10))
def test_a_fast_clock_waits_less_but_loops_do_not_spin(span_s, rate, at_least_s):
    waited_s = real_s(SteppedClock(NEW_YEAR, rate=rate), span_s, at_least_s=at_least_s)

    assert waited_s <= span_s
    assert waited_s >= min(span_s, at_least_s)
    assert real_s(SteppedClock(NEW_YEAR, rate=rate), span_s) == span_s / rate


def test_commands_go_by_the_clock_that_was_left(tmp_path: Path):
    assert isinstance(left_clock(tmp_path), SystemClock)
    leave_clock(tmp_path, setting())
    assert left_clock(tmp_path).now() >= NEW_YEAR
    forget_clock(tmp_path)
    forget_clock(tmp_path)
    assert isinstance(left_clock(tmp_path), SystemClock)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"start": 1, "rate": 2, "anchor": 3}', b"\xff"])
def test_a_file_that_is_no_clock_is_passed_over(tmp_path: Path, content: bytes):
    (tmp_path / "clock.json").write_bytes(content)

    assert isinstance(left_clock(tmp_path), SystemClock)


def test_settings_without_a_clock_mean_the_machines():
    assert Settings().anchored(NEW_YEAR).clock.setting() is None


def test_settings_of_a_clock_are_anchored_once():
    started = NEW_YEAR + timedelta(hours=1)
    first = load_settings(clock={"start": "2027-01-01T03:00:00+03:00", "rate": 60}).anchored(started)
    second = Settings.model_validate_json(first.model_dump_json()).anchored(started + timedelta(days=1))

    assert first.clock.setting() == ClockSetting(start=NEW_YEAR, rate=60.0, anchor=started)
    assert second.clock.setting() == first.clock.setting()


def test_a_rate_alone_starts_from_the_present():
    assert load_settings(clock={"rate": 10}).anchored(NEW_YEAR).clock.setting() == ClockSetting(
        start=NEW_YEAR, rate=10.0, anchor=NEW_YEAR
    )


def test_a_moment_may_be_a_date_of_toml_and_is_kept_as_text(tmp_path: Path):
    config = tmp_path / "gateway.toml"
    config.write_text("[clock]\nstart = 2027-01-01T03:00:00+03:00\nanchor = ''\n")
    loaded = load_settings(config)

    assert loaded.clock.start == NEW_YEAR
    assert loaded.masked()["clock"] == {"start": "2027-01-01T00:00:00+00:00", "rate": 1.0, "anchor": ""}


@pytest.mark.parametrize(
    ("clock", "complaint"),
    [
        ({"start": "soon"}, "clock.start: 'soon' is no moment"),
        ({"rate": 0}, "clock.rate: Input should be greater than 0"),
        ({"rate": 2_000_000}, "clock.rate: Input should be less than or equal to 1000000"),
    ],
)
def test_a_clock_without_sense_is_refused(clock, complaint):
    with pytest.raises(SettingsError) as error:
        load_settings(clock=clock)
    assert complaint in str(error.value)
