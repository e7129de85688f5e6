"""What people ask: why, how is it, what stops it next."""

from __future__ import annotations

import dataclasses

import pytest

from ofd_gateway.alerts import (
    MessagesSpent,
    Parameters,
    RegisterRemoved,
    customer_state,
    customise,
    step,
)
from ofd_gateway.alerts import explain as room
from ofd_gateway.alerts.explain import explain, spelt_parameters
from ofd_gateway.alerts.overview import Condition, Overview, Stop, overview
from ofd_gateway.alerts.rules import REGISTER_RULES
from tests.alerts.scene import (
    CLOSE_FN,
    CLOSE_SHIFT,
    FN,
    MOSCOW,
    OTHER_FN,
    RECEIPT,
    REGISTER,
    REGISTRATION,
    START,
    Stage,
    days,
    hours,
    seconds_of,
)


def at_a_glance(stage: Stage) -> Overview:
    return overview(stage.state, stage.facts, stage.now, stage.parameters)


def test_every_rule_of_a_register_explains_itself() -> None:
    stage = Stage().begin(key_days=46)
    stage.wait(days(1))
    views = {view.rule: view for view in explain(stage.state, stage.now, stage.parameters)}
    assert list(views) == [rule.name for rule in REGISTER_RULES]
    silent = views["register_silent"]
    assert [verdict.level.name for verdict in silent.verdicts if verdict.level] == ["24h"]
    assert [alert.level.name for alert in silent.open] == ["24h"]
    assert silent.next_change_at == START + hours(72)
    assert silent.parameters == {
        "register_silent.after": "1d,3d,7d,25d",
        "register_silent.critical_from": "25d",
    }
    assert views["fn_filling"].next_change_fd == 200_000
    assert [(evidence.tag, evidence.value) for evidence in views["fn_expiring"].verdicts[0].evidence] == [(1213, 46)]
    assert views["fd_conflict"].parameters == {}
    assert all(view.failure is None for view in views.values())


def test_parameters_are_spelt_as_in_the_settings() -> None:
    parameters = customise(Parameters(), {"fn_filling": {"capacities": {"9999": 10, "72": 20}}})
    assert spelt_parameters("fn_filling", parameters) == {
        "fn_filling.percent": "80,90,95",
        "fn_filling.capacity": "250000",
        "fn_filling.capacities": "72=20,9999=10",
    }


def test_a_package_explains_itself() -> None:
    state = step(
        customer_state("7734675810"), MessagesSpent(at=START, messages=1, balance=9), START, Parameters()
    ).state
    (view,) = explain(state, START, Parameters())
    assert (view.rule, [verdict.facts["balance"] for verdict in view.verdicts]) == ("messages_low", [9])


def test_a_rule_that_raises_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    first = dataclasses.replace(REGISTER_RULES[0], judge=broken)  # type: ignore[arg-type]
    monkeypatch.setattr(room, "REGISTER_RULES", (first, *REGISTER_RULES[1:]))
    views = explain(Stage().begin().state, START, Parameters())
    assert [view.failure for view in views if view.failure] == ["ZeroDivisionError()"]
    assert len(views) == len(REGISTER_RULES)


def test_a_register_at_work() -> None:
    stage = Stage().begin(key_days=400)
    stage.pay(START + days(90))
    glance = at_a_glance(stage)
    assert (glance.registration_number, glance.user, glance.place) == (REGISTER, "Ромашка", "shop")
    assert glance.condition is Condition.WORKING
    assert (glance.fn, glance.fn_model, glance.fn_days_left) == (FN, "ФН-1.1 Пр15-2", 400)
    assert (glance.last_document, glance.last_fd, glance.last_document_at) == ("receipt", 3, START)
    assert (glance.shift_number, glance.shift_open, glance.unsent) == (1, True, None)
    assert glance.next_stop == Stop(at=START + days(90), cause="service_ending", days_left=90)


def test_nothing_is_known_of_a_register_without_documents() -> None:
    glance = at_a_glance(Stage())
    assert (glance.condition, glance.fn, glance.fn_model, glance.fn_fill_percent) == (
        Condition.UNKNOWN,
        None,
        None,
        None,
    )
    assert (glance.last_document, glance.next_stop) == (None, None)


@pytest.mark.parametrize(
    ("code", "tags", "after", "condition"),
    [
        (RECEIPT, {}, 1, Condition.WORKING),
        (RECEIPT, {}, 24, Condition.SILENT),
        (REGISTRATION, {}, 100, Condition.NEVER_SOLD),
        (REGISTRATION, {1002: 1}, 100, Condition.AUTONOMOUS),
        (CLOSE_FN, {}, 100, Condition.FN_CLOSED),
    ],
)
def test_conditions(code: int, tags: dict[int, int | bytes], after: int, condition: Condition) -> None:
    stage = Stage()
    stage.document(code, tags)
    stage.wait(hours(after))
    assert at_a_glance(stage).condition is condition


def test_a_removed_register() -> None:
    stage = Stage().begin()
    stage.step(RegisterRemoved(at=stage.now))
    assert at_a_glance(stage).condition is Condition.REMOVED


def test_the_first_of_all_that_stops_it() -> None:
    stage = Stage(customise(Parameters(), {"fn_filling": {"capacity": 100}}))
    stage.document(REGISTRATION, {1213: 100})
    assert at_a_glance(stage).next_stop == Stop(at=START + days(100), cause="fn_expiring", days_left=100)
    stage.now += days(10)
    stage.document(RECEIPT, fd=21)
    filling = at_a_glance(stage).next_stop
    assert filling is not None
    assert (filling.cause, filling.days_left) == ("fn_filling", 40)
    today = stage.now.astimezone(MOSCOW).date()
    stage.document(CLOSE_SHIFT, {1097: 3, 1098: seconds_of(today - days(20))}, fd=40)
    unsent = at_a_glance(stage)
    assert unsent.unsent == 3
    assert unsent.next_stop is not None
    assert (unsent.next_stop.cause, unsent.next_stop.days_left) == ("documents_unsent", 10)
    stage.now += days(11)
    assert at_a_glance(stage).next_stop == Stop(at=unsent.next_stop.at, cause="documents_unsent", days_left=0)


def test_an_fn_of_unknown_age_that_was_closed_stops_nothing_more() -> None:
    stage = Stage()
    stage.document(RECEIPT, fd=5)
    assert (at_a_glance(stage).fn_expires_at, at_a_glance(stage).next_stop) == (None, None)
    stage.document(CLOSE_FN)
    assert at_a_glance(stage).next_stop is None
    stage.document(RECEIPT, fd=1, fn=OTHER_FN)
    assert at_a_glance(stage).fn == OTHER_FN
