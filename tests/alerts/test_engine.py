"""The step itself: isolation of rules, wrong events, states kept and joined, nothing changed in place."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.alerts import (
    RULES,
    ConflictSeen,
    DocumentAccepted,
    FnsRefused,
    MessagesSpent,
    Parameters,
    RegisterConfigured,
    RegisterRemoved,
    ServicePaid,
    adopt,
    customer_state,
    decode_state,
    encode_state,
    engine,
    register_state,
    step,
)
from ofd_gateway.alerts.rules import REGISTER_RULES, fn_filling
from ofd_gateway.alerts.state import StateUnreadable
from tests.alerts.scene import (
    CLOSE_SHIFT,
    FN,
    OTHER_FN,
    RECEIPT,
    REGISTER,
    REGISTRATION,
    START,
    Stage,
    days,
    hours,
    local,
    make_document,
    minutes,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def broken(*_: object) -> None:
    raise ZeroDivisionError


@pytest.fixture
def with_rule(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces parts of `fn_filling` among the rules the engine asks."""

    def replace(**changed: object) -> None:
        rule = dataclasses.replace(fn_filling.RULE, **changed)  # type: ignore[arg-type]
        rules = tuple(rule if known.name == rule.name else known for known in REGISTER_RULES)
        monkeypatch.setattr(engine, "REGISTER_RULES", rules)

    return replace


@pytest.mark.parametrize("part", ["judge", "next_change", "next_fd"])
def test_a_rule_that_raises_is_reported_and_stops_no_other(part: str, with_rule: Callable[..., None]) -> None:
    with_rule(**{part: broken})
    event = ServicePaid(at=START, paid_until=START + days(2))
    result = step(register_state(REGISTER), event, START, Parameters())
    assert [(failure.rule, type(failure.error)) for failure in result.failures] == [("fn_filling", ZeroDivisionError)]
    assert [change.rule for change in result.opened] == ["service_ending"]
    assert result.next_check_at == START + engine.RETRY_AFTER


def test_open_alerts_of_a_rule_that_raises_stay(with_rule: Callable[..., None]) -> None:
    stage = Stage()
    stage.document(RECEIPT, fd=200_000)
    with_rule(judge=broken)
    later = START + hours(30)
    result = step(stage.state, None, later, stage.parameters)
    assert [alert.rule for alert in result.state.open if alert.rule == "fn_filling"] == ["fn_filling"]
    assert {failure.rule for failure in result.failures} == {"fn_filling"}


def test_a_rule_that_cannot_say_how_it_ended_changes_nothing(with_rule: Callable[..., None]) -> None:
    stage = Stage()
    stage.document(RECEIPT, fd=200_000)
    with_rule(aftermath=broken)
    document = make_document(REGISTRATION, 1, local("2026-03-02T10:00"), fn=OTHER_FN)
    event = DocumentAccepted(at=START, fn=OTHER_FN, fd=1, document=document)
    result = step(stage.state, event, START, stage.parameters)
    assert [failure.rule for failure in result.failures] == ["fn_filling"]
    assert (result.resolved, [alert.rule for alert in result.state.open]) == ((), ["fn_filling"])


def test_a_rule_that_names_a_moment_gone_by_does_not_stop_the_clock(with_rule: Callable[..., None]) -> None:
    with_rule(next_change=lambda facts, now, parameters: now - days(1))
    event = ServicePaid(at=START, paid_until=START + days(60))
    result = step(register_state(REGISTER), event, START + hours(1), Parameters())
    assert result.failures == ()
    assert result.next_check_at is not None
    assert result.next_check_at > START + hours(1)


def test_an_event_that_cannot_be_read_is_reported_and_leaves_the_facts() -> None:
    stage = Stage().begin()
    event = RegisterConfigured(at=stage.now, timezone="Europe/Nowhere")
    result = step(stage.state, event, stage.now, stage.parameters)
    assert [failure.rule for failure in result.failures] == [engine.FACTS]
    assert result.state.facts == stage.state.facts


def test_a_receipt_that_cannot_be_read_takes_the_long_way_and_is_reported() -> None:
    stage = Stage().begin()

    class Unreadable:
        code = RECEIPT
        ffd = "1.05"

        @property
        def issued_at_local(self) -> datetime:
            raise ZeroDivisionError

    event = DocumentAccepted(at=stage.now, fn=FN, fd=4, document=Unreadable())  # type: ignore[arg-type]
    result = step(stage.state, event, stage.now, stage.parameters)
    assert [(failure.rule, type(failure.error)) for failure in result.failures] == [(engine.FACTS, ZeroDivisionError)]


@pytest.mark.parametrize("wrong", ["customer", "register"])
def test_an_event_of_the_wrong_kind_is_reported(wrong: str) -> None:
    if wrong == "customer":
        document = make_document(RECEIPT, 1, None)
        result = step(
            customer_state("1"), DocumentAccepted(at=START, fn=FN, fd=1, document=document), START, Parameters()
        )
    else:
        result = step(register_state(), MessagesSpent(at=START, messages=1, balance=1), START, Parameters())
    assert [(failure.rule, type(failure.error)) for failure in result.failures] == [(engine.FACTS, TypeError)]


def test_a_step_changes_nothing_in_place() -> None:
    stage = Stage().begin()
    before = encode_state(stage.state)
    kept = stage.state
    for code in (RECEIPT, CLOSE_SHIFT, REGISTRATION):
        stage.now += minutes(1)
        stage.document(code)
    stage.step(FnsRefused(at=stage.now, fn=FN, fd=1, code="1"))
    stage.step(ConflictSeen(at=stage.now, fn=FN, fd=1))
    stage.step(RegisterRemoved(at=stage.now))
    assert encode_state(kept) == before


def test_an_ordinary_receipt_moves_no_deadline() -> None:
    stage = Stage().begin()
    due = stage.state.next_check_at
    stage.now += hours(2)
    result = stage.document(RECEIPT)
    assert (result.changes, result.next_check_at) == ((), due)
    assert stage.facts.last_receipt_at == stage.now


def test_a_check_that_comes_too_early_only_arms_the_next() -> None:
    stage = Stage().begin()
    stage.document(CLOSE_SHIFT)
    stage.now += hours(2)
    stage.document(RECEIPT, shift=1)
    stage.now = START
    result = stage.wait(hours(24))
    assert (result.changes, result.next_check_at) == ((), START + hours(26))


def test_time_long_past_is_walked_through_moment_by_moment() -> None:
    stage = Stage().begin()
    stage.pay(START + days(40))
    result = stage.wait(days(400))
    assert [change.at for change in result.changes] == sorted(change.at for change in result.changes)
    assert [change.level.name for change in result.changes if change.rule == "service_ending"] == [
        "30d",
        "14d",
        "7d",
        "3d",
        "1d",
        "0d",
    ]


def test_a_walk_that_finds_no_end_stops_at_the_present(with_rule: Callable[..., None]) -> None:
    asked: list[datetime] = []

    def restless(facts: object, now: datetime, parameters: object) -> datetime:
        asked.append(now)
        return now + timedelta(seconds=1)

    with_rule(next_change=restless)
    event = ServicePaid(at=START, paid_until=START + days(60))
    result = step(register_state(REGISTER), event, START + days(1), Parameters())
    assert len(asked) < 2000
    assert asked[-1] == START + days(1)
    assert result.next_check_at == START + days(1) + timedelta(seconds=1)


def test_states_survive_the_database() -> None:
    stage = Stage(restart_always=True).begin()
    stage.pay(START + days(2))
    stage.document(RECEIPT, fd=9)
    stage.step(ConflictSeen(at=stage.now, fn=FN, fd=2))
    assert decode_state(encode_state(stage.state)) == stage.state
    customer = customer_state("7734675810")
    assert decode_state(encode_state(customer)) == customer


def test_fields_of_later_versions_are_passed_over() -> None:
    stored = encode_state(register_state(REGISTER)).replace(b'"facts":{', b'"later":1,"facts":{"later":[],')
    assert decode_state(stored) == register_state(REGISTER)


@pytest.mark.parametrize("stored", [b"", b"{}", b'{"facts":{}}', b'{"facts":{"type":"fn"}}', b"\xff"])
def test_bytes_that_are_no_state(stored: bytes) -> None:
    with pytest.raises(StateUnreadable):
        decode_state(stored)


def test_a_register_whose_number_is_unknown_is_named_by_its_fn_until_it_is_joined() -> None:
    stage = Stage()
    stage.document(RECEIPT, register=None)
    stage.wait(hours(24))
    assert {(change.rule, change.subject.kind.value, change.subject.id) for change in stage.history} == {
        ("register_silent", "fn", FN),
        ("shift_too_long", "fn", FN),
    }
    known = Stage()
    known.document(REGISTRATION, fd=1, fn=OTHER_FN)
    known.state = adopt(known.state, stage.state)
    known.now = stage.now
    known.fd = 1
    assert known.facts.registration_number == REGISTER
    assert [fn.number for fn in known.facts.fns] == [OTHER_FN, FN]
    known.document(RECEIPT)
    assert known.told("register_silent") == [("resolved", "24h")]
    assert known.changes("register_silent")[0].subject.id == FN
    known.wait(hours(24))
    assert known.changes("register_silent")[1].subject.id == REGISTER


def test_an_fn_joins_a_new_register_with_all_that_is_known_of_it() -> None:
    stage = Stage().begin()
    joined = adopt(register_state("1"), stage.state)
    assert joined.facts.registration_number == "1"  # type: ignore[union-attr]
    assert joined.facts.fns == stage.facts.fns  # type: ignore[union-attr]
    assert joined.facts.user == "Ромашка"  # type: ignore[union-attr]


@pytest.mark.parametrize("customer_first", [True, False])
def test_a_customer_cannot_be_joined(customer_first: bool) -> None:
    pair = (customer_state("1"), register_state())
    with pytest.raises(TypeError):
        adopt(*(pair if customer_first else pair[::-1]))


def test_a_subject_without_any_document_has_no_name_yet() -> None:
    result = step(register_state(), ServicePaid(at=START, paid_until=START), START, Parameters())
    assert [str(change.subject) for change in result.opened] == [""]


def test_old_fns_are_bounded() -> None:
    stage = Stage()
    for number in range(12):
        stage.document(REGISTRATION, fd=1, fn=f"92890001000877{number:02}")
    assert [fn.number[-2:] for fn in stage.facts.fns] == ["04", "05", "06", "07", "08", "09", "10", "11"]
    assert [fn.replaced_at is None for fn in stage.facts.fns] == [False] * 7 + [True]


def test_a_document_of_an_fn_in_the_middle_of_the_history() -> None:
    stage = Stage()
    for number in range(3):
        stage.document(REGISTRATION, fd=1, fn=f"928900010008770{number}")
    stage.document(RECEIPT, fd=2, fn="9289000100087701")
    assert [(fn.number[-1], fn.max_fd) for fn in stage.facts.fns] == [("0", 1), ("1", 2), ("2", 1)]


def test_rules_are_named_once_and_like_their_files() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))
    assert [rule.judge.__module__.rpartition(".")[2] for rule in RULES] == names
