"""`fn_filling`, `fn_expiring`, `shift_too_long`: what wears an FN out, and shifts that do not end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ofd_gateway.alerts import Parameters, customise
from ofd_gateway.alerts.rules import fn_filling
from tests.alerts.scene import (
    CLOSE_FN,
    CLOSE_SHIFT,
    FN,
    OPEN_SHIFT,
    OTHER_FN,
    RECEIPT,
    REGISTRATION,
    REREGISTRATION,
    START,
    STATE,
    Stage,
    days,
    hours,
    local,
)

FILLING, EXPIRING, SHIFT = "fn_filling", "fn_expiring", "shift_too_long"


@pytest.mark.parametrize(
    ("fd", "level"),
    [
        (199_999, None),
        (200_000, "80"),
        (210_000, "80"),
        (225_000, "90"),
        (237_499, "90"),
        (237_500, "95"),
        (249_999, "95"),
        (400_000, "95"),
    ],
)
def test_first_sight_of_an_fn_tells_how_full_it_is(fd: int, level: str | None) -> None:
    stage = Stage()
    stage.document(RECEIPT, fd=fd)
    assert stage.told(FILLING) == ([("opened", level)] if level else [])


def test_receipts_that_cross_a_line_are_noticed_on_the_short_way_too() -> None:
    stage = Stage(customise(Parameters(), {"fn_filling": {"capacity": 100}}))
    stage.begin()
    while stage.fd < 99:
        stage.now += timedelta(minutes=10)
        stage.document(RECEIPT)
    assert stage.told(FILLING) == [("opened", "80"), ("raised", "90"), ("raised", "95")]
    assert [change.facts["fd"] for change in stage.changes(FILLING)] == [80, 90, 95]


def test_memory_full_flag_is_the_last_level_whatever_the_estimate() -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT, {1052: 1})
    (opened,) = stage.changes(FILLING)
    assert (opened.level.name, opened.level.critical) == ("99", True)
    assert (opened.facts["percent"], opened.facts["estimated"]) == (99, False)
    assert [(e.tag, e.fd) for e in opened.evidence] == [(1040, 4), (1052, 4)]
    stage.document(OPEN_SHIFT)
    assert stage.told(FILLING) == [("opened", "99")]


def test_memory_full_raises_an_alert_that_is_open() -> None:
    stage = Stage()
    stage.document(OPEN_SHIFT, fd=200_000)
    stage.document(CLOSE_SHIFT, {1052: 1})
    assert stage.told(FILLING) == [("opened", "80"), ("raised", "99")]


@pytest.mark.parametrize("code", [REGISTRATION, REREGISTRATION])
def test_a_new_fn_resolves_and_names_itself(code: int) -> None:
    stage = Stage()
    stage.document(RECEIPT, fd=200_000)
    stage.document(code, fd=1, fn=OTHER_FN)
    assert stage.told(FILLING) == [("opened", "80"), ("resolved", "80")]
    assert stage.changes(FILLING)[1].facts["fn"] == OTHER_FN


def test_closing_the_fn_resolves() -> None:
    stage = Stage()
    stage.document(RECEIPT, fd=200_000)
    stage.document(CLOSE_FN)
    assert stage.told(FILLING) == [("opened", "80"), ("resolved", "80")]


def test_a_debug_fn_that_starts_again_is_empty_and_arms_anew() -> None:
    stage = Stage()
    stage.document(RECEIPT, fd=200_000)
    stage.document(REGISTRATION, fd=1, generation=1)
    stage.document(RECEIPT, fd=200_000, generation=1)
    assert stage.told(FILLING) == [("opened", "80"), ("resolved", "80"), ("opened", "80")]
    assert [change.episode for change in stage.changes(FILLING)] == [FN, FN, f"{FN}/1"]


def test_capacity_of_the_longest_prefix_that_fits() -> None:
    filling = customise(Parameters(), {"fn_filling": {"capacities": {"92": 10, FN[:4]: 20, "7": 30}}}).fn_filling
    assert [filling.capacity_of(fn) for fn in (FN, "9200", "7280", "9999")] == [20, 10, 30, 250_000]


def test_when_it_is_full_at_the_present_rate() -> None:
    stage = Stage(customise(Parameters(), {"fn_filling": {"capacity": 100}}))
    stage.document(RECEIPT, fd=40)
    stage.now += days(10)
    stage.document(RECEIPT, fd=80)
    assert stage.changes(FILLING)[0].facts["full_at"] == (START + days(15)).isoformat()


@pytest.mark.parametrize(
    ("later", "fd"), [(hours(23), 90), (days(2), 40), (days(4000), 41)], ids=["too soon", "nothing more", "too far"]
)
def test_no_date_without_a_rate(later: timedelta, fd: int) -> None:
    stage = Stage(customise(Parameters(), {"fn_filling": {"capacity": 100}}))
    stage.document(RECEIPT, fd=40)
    if fd != 40:
        stage.document(RECEIPT, fd=fd)
    assert fn_filling.full_at(stage.fn, START + later, stage.parameters) is None


@pytest.mark.parametrize(
    ("key_days", "level"),
    [(46, None), (45, "45d"), (31, "45d"), (30, "30d"), (7, "7d"), (6, "7d"), (3, "3d"), (1, "3d"), (0, "0d")],
)
def test_first_sight_of_the_key_resource(key_days: int, level: str | None) -> None:
    stage = Stage().begin(key_days=key_days)
    assert stage.told(EXPIRING) == ([("opened", level)] if level else [])


def test_every_lead_time_is_told_at_its_moment() -> None:
    stage = Stage().begin(key_days=46)
    for _ in range(200):
        stage.wait(hours(6))
    names = ["45d", "30d", "7d", "3d", "0d"]
    assert [change.level.name for change in stage.changes(EXPIRING)] == names
    assert [change.at for change in stage.changes(EXPIRING)] == [START + days(46 - n) for n in (45, 30, 7, 3, 0)]
    assert [change.level.critical for change in stage.changes(EXPIRING)] == [False, False, False, True, True]
    assert [change.facts["days_left"] for change in stage.changes(EXPIRING)] == [45, 30, 7, 3, 0]


@pytest.mark.parametrize("code", [REGISTRATION, REREGISTRATION, CLOSE_SHIFT, STATE])
def test_reports_that_name_the_key_resource(code: int) -> None:
    stage = Stage().begin(key_days=400)
    stage.document(code, {1213: 20})
    (opened,) = stage.changes(EXPIRING)
    assert (opened.level.name, opened.facts["basis"]) == ("30d", "key_resource")
    assert [(e.source, e.fd, e.tag, e.value) for e in opened.evidence] == [("document", 4, 1213, 20)]


def test_four_bytes_of_key_resource_are_read_and_other_sizes_passed_over() -> None:
    stage = Stage().begin()
    stage.document(STATE, {1213: (20).to_bytes(4, "little")})
    assert stage.told(EXPIRING) == [("opened", "30d")]
    stage.document(STATE, {1213: b"\x01"})
    assert stage.fn.key_life is not None
    assert stage.fn.key_life.days == 20


def test_more_days_than_before_neither_resolve_nor_lower() -> None:
    stage = Stage().begin(key_days=20)
    stage.document(STATE, {1213: 60})
    stage.document(STATE, {1213: 40})
    assert stage.told(EXPIRING) == [("opened", "30d")]
    assert stage.open(EXPIRING) == [(EXPIRING, "30d")]


def test_an_older_report_that_fills_a_gap_does_not_count() -> None:
    stage = Stage().begin(key_days=400)
    stage.document(STATE, {1213: 300}, fd=9)
    stage.document(STATE, {1213: 20, 1052: 1}, fd=7)
    assert stage.told(EXPIRING) == []


@pytest.mark.parametrize(
    ("fn", "version", "tags", "life_days"),
    [
        ("8710000100331763", 2, {}, 410),
        ("9289000100087745", 2, {1062: 1}, 470),
        ("9283440300000001", 2, {1062: 2}, 1100),
        ("9283440300000001", 2, {1062: 3}, 560),
        ("9283440300000001", 2, {1062: 1, 1109: 1}, 1100),
        ("9283440300000001", 4, {1062: 1, 1290: b"\x00\x02\x00\x00"}, 1100),
        ("9283440300000001", 2, {1062: 2, 1002: 1}, 560),
        ("9283440300000001", 4, {1062: 2, 1002: 1}, 410),
        ("9283440300000001", 4, {1062: 2, 1207: 1}, 410),
        ("9283440300000001", 4, {1062: 2, 1290: b"\x40\x00\x00\x00"}, 410),
        ("9283440300000001", 4, {1062: 2, 1193: 1}, 410),
        ("9283440300000001", 4, {1062: 2, 1290: b"\x00\x04\x00\x00"}, 410),
        ("9283440300000001", 2, {1062: 2, 1207: 1}, 1100),
        ("9999078902013267", 4, {1062: 1}, 300),
        ("1234567890123456", 4, {1062: 1}, 300),
    ],
)
def test_without_the_key_resource_registration_model_and_mode_tell(
    fn: str, version: int, tags: dict[int, int | bytes], life_days: int
) -> None:
    stage = Stage(customise(Parameters(), {"fn_expiring": {"life": "300d"}}))
    stage.document(REGISTRATION, tags, fn=fn, version=version)
    stage.wait(days(life_days - 45) - timedelta(seconds=1))
    assert stage.told(EXPIRING) == []
    stage.wait(timedelta(seconds=1))
    (opened,) = stage.changes(EXPIRING)
    assert (opened.level.name, opened.facts["basis"]) == ("45d", "registration")
    assert opened.facts["expires_at"] == (START + days(life_days)).isoformat()
    assert [(e.source, e.tag, e.value) for e in opened.evidence] == [("registration", 1012, START.isoformat())]


def test_a_registration_report_that_is_not_the_first_document_does_not_date_the_fn() -> None:
    stage = Stage()
    stage.document(REREGISTRATION, fd=700)
    stage.wait(days(2000))
    assert stage.told(EXPIRING) == []


def test_a_report_dated_before_all_belief_counts_from_its_arrival() -> None:
    stage = Stage()
    stage.document(REGISTRATION, {1213: 50}, issued=local("2020-01-01T00:00"))
    assert stage.told(EXPIRING) == []
    assert stage.fn.key_life is not None
    assert stage.fn.key_life.expires_at == START + days(50)
    stage.document(STATE, {1213: 50}, undated=True)
    assert stage.fn.key_life.expires_at == START + days(50)


def test_an_fn_of_unknown_age_is_left_alone_but_for_its_flags() -> None:
    stage = Stage()
    stage.document(RECEIPT, fd=50)
    stage.wait(days(2000))
    assert stage.told(EXPIRING) == []
    stage.document(OPEN_SHIFT, {1050: 1, 1051: 0})
    stage.document(CLOSE_SHIFT, {1050: 1, 1051: 1})
    assert stage.told(EXPIRING) == [("opened", "30d"), ("raised", "3d")]
    opened, raised = stage.changes(EXPIRING)
    assert (opened.facts["basis"], opened.facts["expires_at"], opened.facts["days_left"]) == ("flags", None, None)
    assert [evidence.tag for evidence in raised.evidence] == [1050, 1051]


def test_flags_only_raise() -> None:
    stage = Stage().begin(key_days=400)
    stage.document(CLOSE_SHIFT, {1050: 1})
    assert stage.told(EXPIRING) == [("opened", "30d")]
    stage.document(OPEN_SHIFT, {1050: 0})
    stage.document(CLOSE_SHIFT, {1213: 2, 1050: 1})
    assert stage.told(EXPIRING) == [("opened", "30d"), ("raised", "3d")]


@pytest.mark.parametrize("replaced", [True, False])
def test_new_or_closed_fn_resolves_expiry(replaced: bool) -> None:
    stage = Stage().begin(key_days=20)
    if replaced:
        stage.document(REGISTRATION, {1213: 400}, fd=1, fn=OTHER_FN)
    else:
        stage.document(CLOSE_FN)
    assert stage.told(EXPIRING) == [("opened", "30d"), ("resolved", "30d")]
    assert stage.state.next_check_at is not None or not replaced


def test_an_fn_that_comes_back_by_registration_is_in_use_again() -> None:
    stage = Stage().begin(key_days=400)
    stage.document(REGISTRATION, {1213: 400}, fd=1, fn=OTHER_FN)
    stage.document(RECEIPT, fd=4)
    assert stage.fn.number == OTHER_FN
    stage.document(REREGISTRATION, {1213: 20}, fd=5)
    assert stage.fn.number == FN
    assert stage.told(EXPIRING) == [("opened", "30d")]


def test_a_shift_of_more_than_a_day() -> None:
    stage = Stage().begin()
    stage.wait(hours(24) - timedelta(seconds=1))
    assert stage.told(SHIFT) == []
    stage.wait(timedelta(seconds=1))
    (opened,) = stage.changes(SHIFT)
    assert (opened.level.name, opened.episode) == ("24h", f"{FN}:1")
    assert (opened.facts["shift_number"], opened.facts["open_hours"]) == (1, 24.0)
    stage.document(CLOSE_SHIFT)
    assert stage.told(SHIFT) == [("opened", "24h"), ("resolved", "24h")]


def test_a_shift_that_was_opened_a_day_ago_by_the_register_clock() -> None:
    stage = Stage()
    stage.document(OPEN_SHIFT, issued=local("2026-03-01T09:00"))
    assert stage.told(SHIFT) == []
    stage.wait(timedelta(seconds=5))
    assert stage.told(SHIFT) == [("opened", "24h")]


def test_shifts_of_a_register_that_catches_up_are_no_long_shifts() -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT)
    stage.now += days(3)
    first = local("2026-03-03T09:00")
    for day in range(3):
        stage.document(OPEN_SHIFT, issued=first + days(day))
        for _ in range(20):
            stage.now += timedelta(seconds=1)
            stage.document(RECEIPT, issued=first + days(day) + hours(2))
        if day < 2:
            stage.document(CLOSE_SHIFT, issued=first + days(day) + hours(9))
    assert stage.told(SHIFT) == []
    stage.wait(hours(30))
    assert [change.episode for change in stage.changes(SHIFT)] == [f"{FN}:4"]


def test_a_register_clock_ahead_opens_the_shift_at_arrival() -> None:
    stage = Stage()
    stage.document(OPEN_SHIFT, issued=local("2026-03-05T09:00"))
    stage.wait(hours(24))
    assert [change.at for change in stage.changes(SHIFT)] == [START + hours(24)]


def test_an_unheard_opening_is_betrayed_by_a_receipt_of_a_later_shift() -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT)
    stage.document(RECEIPT, shift=1)
    assert stage.fn.shift is not None
    assert not stage.fn.shift.open
    stage.document(RECEIPT, shift=2)
    assert (stage.fn.shift.number, stage.fn.shift.open) == (2, True)


def test_a_closing_report_of_an_unknown_shift_closes_it() -> None:
    stage = Stage()
    stage.document(CLOSE_SHIFT, fd=20, shift=7)
    assert stage.fn.shift is not None
    assert (stage.fn.shift.number, stage.fn.shift.open) == (7, False)


def test_an_older_closing_report_does_not_close_the_shift_of_today() -> None:
    stage = Stage().begin()
    stage.document(OPEN_SHIFT, fd=9)
    stage.document(CLOSE_SHIFT, fd=8, shift=1)
    assert stage.fn.shift is not None
    assert (stage.fn.shift.number, stage.fn.shift.open) == (2, True)


def test_an_fn_swapped_in_mid_shift_ends_the_shift() -> None:
    stage = Stage().begin()
    stage.wait(hours(24))
    stage.document(REGISTRATION, {1213: 400}, fd=1, fn=OTHER_FN)
    assert stage.told(SHIFT) == [("opened", "24h"), ("resolved", "24h")]
    stage.document(OPEN_SHIFT, fd=2, fn=OTHER_FN, shift=1)
    stage.wait(hours(24))
    assert [change.episode for change in stage.changes(SHIFT)] == [f"{FN}:1", f"{FN}:1", f"{OTHER_FN}:1"]
