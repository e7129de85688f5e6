"""What answers of the tax service mean for customers, for the operator and for the register itself."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ofd_gateway.alerts.fns_delay import DelayParameters, DelayReason, judge_delay
from ofd_gateway.alerts.letters import Composer
from ofd_gateway.alerts.notices import NoticeParameters
from ofd_gateway.alerts.reporting import AlertReporter
from ofd_gateway.clock import ClockSetting, SystemClock, VirtualClock
from ofd_gateway.dispatch import Trouble
from ofd_gateway.settings import Settings
from ofd_gateway.storage import LetterPlanner, OperatorRecipient
from ofd_gateway.wiring.legs import _patient, make_exporter
from tests.fns.peer import ACCEPTED, response
from tests.fns.scene import MINUTE, NOON, PARAMETERS, SECOND, Scene, fn, register, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.fns.peer import Peer

REJECTED = "fns_rejected"
DELAYED = "fns_delayed"
REFUSED_507 = ("refused", 507, "сумма оплат не равна итогу")
TAXPAYER = "7802781104"


def refusing(*keys: tuple[int, int], answer: tuple[str, int, str] = REFUSED_507) -> Callable[[dict[str, Any]], Any]:
    wanted = {(fn(number), fd) for number, fd in keys}
    return lambda one: answer if (one["fn"], one["fd"]) in wanted else ACCEPTED


def is_open(scene: Scene, *wanted: tuple[str, str, str, bool]) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        return await scene.alerts(REJECTED) == list(wanted)

    return condition


@pytest.mark.parametrize("status", ["refused", "hard_quarantine"])
async def test_a_refusal_opens_one_alert_and_acceptance_ends_it(scene: Scene, peer: Peer, status: str) -> None:
    peer.decide = refusing((1, 2), (1, 3), answer=(status, 507, "сумма"))
    await scene.document(1, count=3)
    await scene.document(2)
    async with scene.exporting(peer) as exporter:
        await scene.until_empty(exporter)
        assert await scene.alerts(REJECTED) == [(REJECTED, register(1), "507", True)]
        ((facts,),) = await scene.fetch("SELECT facts FROM alerts WHERE rule = $1", REJECTED)
        assert '"text": "сумма"' in facts
        await scene.document(1)
        await scene.until_empty(exporter)
        assert await scene.alerts(REJECTED) == [(REJECTED, register(1), "507", False)]
    assert await scene.fetch("SELECT kind FROM alert_changes WHERE rule = $1 ORDER BY id", REJECTED) == [
        ("opened",),
        ("resolved",),
    ]
    assert await scene.fetch("SELECT count(*) FROM fns_refused_watches") == [(0,)]


async def test_each_code_of_each_register_has_an_alert(scene: Scene, peer: Peer) -> None:
    codes = {1: 420, 2: 502, 3: 420, 4: 503}
    peer.decide = lambda one: ("refused", codes[one["fd"]], "")
    await scene.document(1, count=4)
    await scene.document(2, count=1)
    async with scene.exporting(peer) as exporter:
        await scene.until_empty(exporter)
    assert sorted(await scene.alerts(REJECTED)) == [
        (REJECTED, register(1), "420", True),
        (REJECTED, register(1), "502", True),
        (REJECTED, register(1), "503", True),
        (REJECTED, register(2), "420", True),
    ]


async def test_it_goes_on_while_documents_of_the_register_wait(scene: Scene, peer: Peer) -> None:
    await scene.document(1, count=3)
    peer.decide = lambda one: {1: REFUSED_507, 3: ("postponed", 0, "")}.get(one["fd"], ACCEPTED)
    async with scene.exporting(peer) as exporter:
        await until(lambda: len(peer.order) == 2, exporter)
        await until(is_open(scene, (REJECTED, register(1), "507", True)), exporter)
        peer.decide = lambda one: ACCEPTED
        scene.clock.at += MINUTE
        await scene.until_empty(exporter)
        assert await scene.alerts(REJECTED) == [(REJECTED, register(1), "507", False)]


async def test_ordinary_answers_touch_no_watch(scene: Scene, peer: Peer) -> None:
    """Neither the accepted ones nor those in soft quarantine, also while somebody holds the watches."""
    peer.decide = lambda one: ("soft_quarantine", 7, "") if one["fd"] == 2 else ACCEPTED
    await scene.document(1, count=3)
    async with scene.database.acquire() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM watches FOR UPDATE")
        await connection.execute("SELECT 1 FROM fn_states FOR UPDATE")
        async with scene.exporting(peer) as exporter:
            await scene.until_empty(exporter)
    assert await scene.alerts(REJECTED) == []


async def test_a_document_that_is_put_off_too_often_is_told_once(scene: Scene, peer: Peer) -> None:
    await scene.document(1, count=2)
    peer.decide = lambda one: ("postponed", 3, "занято")
    async with scene.exporting(peer) as exporter:
        for failures in (1, 2, 3, 4, 5):
            await until(lambda wanted=failures: _failures(scene, wanted), exporter)
            told = [(REJECTED, register(1), "postponed", True)] if failures >= PARAMETERS.tries else []
            assert await scene.alerts(REJECTED) == told
            scene.clock.at += MINUTE
        ((facts,),) = await scene.fetch("SELECT facts FROM alerts WHERE rule = $1", REJECTED)
        assert '"documents": 1' in facts
        peer.decide = lambda one: ACCEPTED
        scene.clock.at += MINUTE
        await scene.until_empty(exporter)
    assert await scene.alerts(REJECTED) == [(REJECTED, register(1), "postponed", False)]
    assert peer.order_of(fn(1)) == [1, 2]


async def test_a_document_that_waits_too_long_is_told(scene: Scene, peer: Peer) -> None:
    await scene.document(1)
    await scene.document(2)
    peer.fault = lambda keys: response(500) if (fn(1), 0, 1) in keys else None
    async with scene.exporting(peer) as exporter:
        await until(lambda: _failures(scene, 1), exporter)
        assert await scene.alerts(REJECTED) == []
        scene.clock.at += PARAMETERS.late_after
        await until(is_open(scene, (REJECTED, register(1), "http_500", True)), exporter)


async def _failures(scene: Scene, count: int) -> bool:
    return [line[2] for line in await scene.lines()] == [count]


async def test_an_fn_that_named_no_register_is_its_own_subject(scene: Scene, peer: Peer) -> None:
    peer.decide = refusing((1, 1))
    await scene.document(1)
    await scene.execute("UPDATE fn_states SET registration_number = NULL")
    async with scene.exporting(peer) as exporter:
        await scene.until_empty(exporter)
    ((watch,),) = await scene.fetch("SELECT watch FROM alerts WHERE rule = $1", REJECTED)
    assert watch == f"fn:{fn(1)}"


async def test_a_register_with_a_new_fn_is_well_when_that_is_accepted(scene: Scene, peer: Peer) -> None:
    peer.decide = refusing((1, 1))
    await scene.document(1)
    async with scene.exporting(peer) as exporter:
        await scene.until_empty(exporter)
        assert len(await scene.alerts(REJECTED)) == 1
        await scene.document(2)
        await scene.execute("UPDATE fn_states SET registration_number = $1", register(1))
        await scene.until_empty(exporter)
    assert await scene.alerts(REJECTED) == [(REJECTED, register(1), "507", False)]


@pytest.mark.parametrize(("version", "bit"), [(b"\x01", 0), (b"\x02", 0), (b"\x03", 0x04), (b"\x04", 0x04)])
async def test_the_next_confirmation_says_that_there_is_a_message(
    scene: Scene, peer: Peer, version: bytes, bit: int
) -> None:
    peer.decide = refusing((1, 1))
    await scene.document(1)
    async with scene.exporting(peer) as exporter:
        await scene.until_empty(exporter)
        decided = [*await scene.document(1, version=version), *await scene.document(1, version=b"\x04")]
    told = [one.operator_message & 0x04 for one in decided]
    assert told == ([0x04, 0] if bit else [0, 0x04])


async def test_no_message_for_what_is_only_late(scene: Scene, peer: Peer) -> None:
    peer.decide = lambda one: ("postponed", 0, "")
    await scene.document(1)
    async with scene.exporting(peer) as exporter:
        for failures in (1, 2, 3):
            await until(lambda wanted=failures: _failures(scene, wanted), exporter)
            scene.clock.at += MINUTE
    assert await scene.fetch("SELECT pending_message FROM fn_states") == [(0,)]
    assert len(await scene.alerts(REJECTED)) == 1


AFTER = DelayParameters(after=15 * MINUTE)


@pytest.mark.parametrize(
    ("was_open", "waited", "reason"),
    [
        (False, None, DelayReason.YOUNG),
        (False, 15 * MINUTE - SECOND, DelayReason.YOUNG),
        (False, 15 * MINUTE, DelayReason.OPENED),
        (True, 15 * MINUTE, DelayReason.GOES_ON),
        (True, 7.5 * MINUTE, DelayReason.GOES_ON),
        (True, 7 * MINUTE, DelayReason.ENDED),
        (True, None, DelayReason.ENDED),
    ],
)
def test_when_a_queue_is_too_old(was_open: bool, waited: timedelta | None, reason: DelayReason) -> None:
    verdict = judge_delay(
        was_open=was_open,
        oldest_queued_at=None if waited is None else NOON - waited,
        now=NOON,
        parameters=AFTER,
    )
    assert verdict.reason is reason
    assert verdict.is_open is (reason in (DelayReason.OPENED, DelayReason.GOES_ON))


@pytest.mark.parametrize(("rate", "after"), [(1.0, 15 * MINUTE), (3600.0, timedelta(hours=5))])
def test_under_a_fast_clock_a_prompt_document_is_not_late(rate: float, after: timedelta) -> None:
    clock = VirtualClock(ClockSetting(start=NOON, rate=rate, anchor=NOON))
    assert _patient(AFTER, clock) == DelayParameters(after=after)
    assert _patient(AFTER, SystemClock()) is AFTER


async def test_the_operator_hears_of_an_old_queue_and_of_its_end(scene: Scene) -> None:
    await scene.document(1)
    endpoint = scene.endpoint(AFTER)
    state = await endpoint.look(scene.clock.at + 14 * MINUTE, count=True)
    assert (state.queued, state.oldest_queued_at, await scene.alerts(DELAYED)) == (1, NOON, [])
    await endpoint.failed(Trouble("unreachable", "refused"), NOON + MINUTE, lambda failures: MINUTE)
    for _ in range(2):
        await endpoint.look(NOON + 16 * MINUTE, count=False)
    assert await scene.alerts(DELAYED) == [(DELAYED, "gateway", "delayed", True)]
    assert await scene.fetch(
        "SELECT facts ->> 'queued', facts ->> 'failing_since', facts ->> 'last_error', critical FROM alerts"
        " WHERE rule = $1",
        DELAYED,
    ) == [("1", "2026-11-24T09:01:00+00:00", "unreachable: refused", True)]
    assert ("operator", "prompt") in await scene.fetch("SELECT recipient, urgency FROM letter_groups")
    await scene.execute("DELETE FROM fns_queue")
    await endpoint.look(NOON + 17 * MINUTE, count=False)
    assert await scene.alerts(DELAYED) == [(DELAYED, "gateway", "delayed", False)]


async def test_a_gateway_whose_leg_was_switched_off_ends_the_alert(scene: Scene) -> None:
    await scene.document(1)
    await scene.endpoint(AFTER).look(NOON + 16 * MINUTE, count=False)
    scene.clock.at = NOON + 17 * MINUTE
    async with AsyncExitStack() as stack:
        exporter = await make_exporter(
            Settings(),
            scene.database,
            scene.directory,
            AlertReporter(scene.metrics),
            metrics=scene.metrics,
            clock=scene.clock,
            stack=stack,
        )
    assert exporter is None
    assert await scene.alerts(DELAYED) == [(DELAYED, "gateway", "delayed", False)]
    assert await scene.fetch("SELECT resolved_at FROM alerts") == [(scene.clock.at,)]
    assert await scene.queued() != []


@pytest.mark.parametrize("is_down", [True, False])
async def test_customers_are_not_told_of_delays_while_the_endpoint_is_silent(
    scene: Scene, peer: Peer, is_down: bool
) -> None:
    """Letters about documents refused before are not held."""
    await scene.execute(
        "INSERT INTO customers (inn, name, emails, notify, locale, parameters, tell_resolved, created_at, changed_at)"
        " VALUES ($1, 'ООО', '{shop@test.ru}', '{fault}', 'ru', '{}', true, $2, $2)",
        TAXPAYER,
        NOON,
    )
    await scene.document(1)
    await scene.document(2)
    endpoint = scene.endpoint(AFTER)
    peer.decide = lambda one: ("postponed", 0, "")
    await scene.execute("UPDATE fns_queue SET queued_at = $1", NOON - 20 * MINUTE)
    await endpoint.look(NOON, count=False)
    async with scene.exporting(peer) as exporter:
        for failures in (1, 2, 3):
            await until(lambda wanted=failures: _all_failed(scene, wanted), exporter)
            scene.clock.at += MINUTE
    assert len(await scene.alerts(REJECTED)) == 2
    if is_down:
        await endpoint.failed(Trouble("timeout"), scene.clock.at, lambda failures: MINUTE)
    planner = LetterPlanner(
        scene.database,
        Composer(operator_name="ОФД", register_timezone="Europe/Moscow"),
        sender="ofd@gateway.test",
        operator=OperatorRecipient(emails=("operator@test.ru",), name="ОФД", timezone="Europe/Moscow"),
        notices=NoticeParameters(),
    )
    while await planner.plan_due(scene.clock.at + MINUTE):
        pass
    written = {recipient for (recipient,) in await scene.fetch("SELECT recipient FROM letters")}
    assert written == ({"operator"} if is_down else {"operator", TAXPAYER})


async def _all_failed(scene: Scene, count: int) -> bool:
    return [line[2] for line in await scene.lines()] == [count, count]
