"""`service_ending` and `messages_low`: tables of moments and balances."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ofd_gateway.alerts import MessagesSpent, PackageToppedUp, Parameters, State, customer_state, customise, step
from ofd_gateway.alerts.model import EndReason
from tests.alerts.scene import START, Stage, days, hours


@pytest.mark.parametrize(
    ("left", "level"),
    [
        (days(31), None),
        (days(30) + timedelta(microseconds=1), None),
        (days(30), "30d"),
        (days(14) + hours(1), "30d"),
        (days(14), "14d"),
        (days(7), "7d"),
        (days(3), "3d"),
        (days(2), "3d"),
        (days(1), "1d"),
        (hours(1), "1d"),
        (days(0), "0d"),
        (days(-5), "0d"),
    ],
)
def test_first_sight_of_a_term_tells_the_highest_level_only(left: timedelta, level: str | None) -> None:
    stage = Stage()
    stage.pay(START + left)
    assert stage.told() == ([("opened", level)] if level else [])


def test_every_level_is_told_once_in_order_and_the_last_is_critical() -> None:
    stage = Stage()
    stage.pay(START + days(40))
    for _ in range(100):
        stage.wait(hours(12))
    names = ["30d", "14d", "7d", "3d", "1d", "0d"]
    assert stage.told() == list(zip(["opened"] + ["raised"] * 5, names, strict=True))
    assert [change.at for change in stage.history] == [START + days(40) - days(n) for n in (30, 14, 7, 3, 1, 0)]
    assert [change.level.critical for change in stage.history] == [False] * 5 + [True]
    assert stage.state.next_check_at is None


def test_renewal_far_ahead_resolves_and_names_the_new_term() -> None:
    stage = Stage()
    stage.pay(START + days(2))
    renewed = START + days(365)
    stage.pay(renewed)
    assert stage.told() == [("opened", "3d"), ("resolved", "3d")]
    assert stage.history[1].facts["paid_until"] == renewed.isoformat()
    assert stage.history[1].facts["days_left"] == 365
    assert stage.history[1].end_reason is EndReason.OVER
    assert stage.state.next_check_at == renewed - days(30)


def test_renewal_by_too_little_opens_a_new_episode_in_place_of_the_old() -> None:
    stage = Stage()
    stage.pay(START + days(2))
    stage.pay(START + days(20))
    assert stage.told() == [("opened", "3d"), ("resolved", "3d"), ("opened", "30d")]
    assert stage.history[1].end_reason is EndReason.SUPERSEDED


def test_term_taken_back_resolves() -> None:
    stage = Stage()
    stage.pay(START + days(2))
    stage.pay(None)
    assert stage.told() == [("opened", "3d"), ("resolved", "3d")]
    assert stage.history[1].facts["paid_until"] is None


def test_a_term_that_comes_back_is_not_told_again_until_it_is_worse() -> None:
    stage = Stage()
    stage.pay(START + days(20))
    stage.pay(START + days(365))
    stage.pay(START + days(20))
    assert stage.told() == [("opened", "30d"), ("resolved", "30d")]
    stage.wait(days(10))
    assert stage.told()[2:] == [("opened", "14d")]


def test_days_left_are_calendar_days_of_the_register() -> None:
    stage = Stage()
    stage.configure(timezone="Asia/Vladivostok")
    stage.pay(datetime.fromisoformat("2026-03-12T00:00:00+10:00"))
    assert stage.history[0].facts["days_left"] == 10
    assert stage.history[0].level.name == "14d"


def test_other_lead_times_of_a_customer() -> None:
    stage = Stage(customise(Parameters(), {"service_ending": {"before": "60d, 3s"}}))
    stage.pay(START + days(50))
    assert stage.told() == [("opened", "60d")]
    stage.wait(days(50) - timedelta(seconds=3))
    assert stage.told() == [("opened", "60d"), ("raised", "3s")]


def test_changed_parameters_take_effect_at_the_next_look() -> None:
    stage = Stage()
    stage.pay(START + days(50))
    assert stage.told() == []
    stage.parameters = customise(stage.parameters, {"service_ending": {"before": ["60d"]}})
    stage.step()
    assert stage.told() == [("opened", "60d")]


class Purse:
    """A customer's package on the stage."""

    def __init__(self) -> None:
        self.state: State = customer_state("7734675810")
        self.now = START
        self.balance = 0
        self.told: list[tuple[str, str]] = []
        self.facts: list[dict[str, object]] = []
        self.parameters = Parameters()

    def top_up(self, messages: int, package: str) -> None:
        self.balance += messages
        self._step(PackageToppedUp(at=self.now, package=package, balance=self.balance))

    def spend(self, messages: int) -> None:
        self.balance -= messages
        self._step(MessagesSpent(at=self.now, messages=messages, balance=self.balance))

    def _step(self, event: PackageToppedUp | MessagesSpent) -> None:
        result = step(self.state, event, self.now, self.parameters)
        assert result.failures == ()
        self.state = result.state
        changes = (*result.resolved, *result.opened, *result.raised)
        self.told += [(change.kind.value, change.level.name) for change in changes]
        self.facts += [dict(change.facts) for change in changes]


@pytest.mark.parametrize(
    ("spent", "told"),
    [
        ([49], []),
        ([50], [("opened", "50")]),
        ([47, 5], [("opened", "50")]),
        ([95], [("opened", "10")]),
        ([100], [("opened", "0")]),
        ([50, 1, 39, 10], [("opened", "50"), ("raised", "10"), ("raised", "0")]),
    ],
)
def test_balance_that_crosses_a_threshold(spent: list[int], told: list[tuple[str, str]]) -> None:
    purse = Purse()
    purse.top_up(100, "1")
    for messages in spent:
        purse.spend(messages)
    assert purse.told == told


def test_a_small_first_package_says_nothing_before_it_is_used() -> None:
    purse = Purse()
    purse.top_up(40, "1")
    assert purse.told == []
    purse.spend(1)
    assert purse.told == [("opened", "50")]


def test_a_new_package_resolves_and_arms_anew() -> None:
    purse = Purse()
    purse.top_up(100, "1")
    purse.spend(60)
    purse.top_up(1000, "2")
    purse.spend(1000)
    assert purse.told == [("opened", "50"), ("resolved", "50"), ("opened", "50")]
    assert purse.facts[1]["balance"] == 1040


def test_a_package_that_leaves_the_balance_low_tells_the_new_balance() -> None:
    purse = Purse()
    purse.top_up(100, "1")
    purse.spend(100)
    purse.top_up(45, "2")
    assert purse.told == [("opened", "0"), ("resolved", "0"), ("opened", "50")]


def test_rate_of_use_says_for_how_long_the_balance_lasts() -> None:
    purse = Purse()
    purse.top_up(100, "1")
    purse.now += days(5)
    purse.spend(50)
    assert purse.facts[-1] == {"inn": "7734675810", "balance": 50, "days_left": 5}


def test_no_rate_is_told_from_less_than_an_hour() -> None:
    purse = Purse()
    purse.top_up(100, "1")
    purse.spend(60)
    assert purse.facts[-1]["days_left"] is None


def test_charges_without_a_known_package_are_watched_too() -> None:
    purse = Purse()
    purse.balance = 51
    purse.spend(1)
    assert purse.told == [("opened", "50")]


def test_a_customer_without_a_package_is_left_alone() -> None:
    result = step(customer_state("7734675810"), None, START, Parameters())
    assert (result.opened, result.failures, result.next_check_at) == ((), (), None)
