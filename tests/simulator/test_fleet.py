from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ofd_gateway.clock import SystemClock
from ofd_gateway.simulator import (
    HABITS,
    Endpoint,
    Ffd,
    FleetOrder,
    FleetReport,
    Plan,
    Recorder,
    Rule,
    read_record,
    run_fleet,
)
from ofd_gateway.simulator.fleet import deal_tills
from ofd_gateway.simulator.register import Register
from ofd_gateway.simulator.schedule import LoadStep, Outage
from ofd_gateway.simulator.tally import Tally

from .standin import OPERATOR_INN, Bend, Fault, TestOperator, changed, dropped, rewritten, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ofd_gateway.protocol import Container

FN = "9999000001000000"
DEADLINE_S = 20.0
CODES = [1, 2, 3, 3, 3, 5, 2, 3, 31, 3, 5, 2, 3, 5, 6]


def order(operator: TestOperator, **changes: object) -> FleetOrder:
    endpoint = Endpoint(
        host="127.0.0.1", port=operator.port, answer_timeout_s=5.0, reconnect_min_s=0.005, reconnect_max_s=0.05
    )
    return replace(FleetOrder(endpoint=endpoint, plan=Plan(receipts=3), patience_s=10.0), **changes)  # type: ignore[arg-type]


async def run(operator: TestOperator, **changes: object) -> FleetReport:
    async with serving(operator), asyncio.timeout(DEADLINE_S):
        return await run_fleet(order(operator, **changes))


def rules(report: FleetReport) -> Counter[Rule]:
    return Counter(mismatch.rule for mismatch in report.tally.mismatches)


@pytest.mark.parametrize("ffd", Ffd)
async def test_a_fleet_has_every_document_confirmed_in_order(ffd: Ffd) -> None:
    operator = TestOperator()
    plan = Plan(receipts=7, receipts_per_shift=3, correction_every=4, closes_archive=True)

    report = await run(operator, registers=5, plan=plan, ffd_mix=(ffd,))

    assert report.clean, [str(mismatch) for mismatch in report.tally.mismatches]
    assert report.tally.confirmed_count == 5 * (1 + 7 + 2 * 3 + 1)
    assert report.tally.latency.count == report.tally.confirmed_count
    by_register: dict[str, list[Container]] = {}
    for header, container in operator.messages:
        assert header[6:8] == ffd.session_version
        by_register.setdefault(container.fn, []).append(container)
    assert len(by_register) == 5
    for containers in by_register.values():
        assert [container.fd for container in containers] == list(range(1, 16))
        assert [container.document_code for container in containers] == CODES


@pytest.mark.parametrize("name", HABITS)
async def test_every_habit_reaches_the_end(name: str) -> None:
    operator = TestOperator()

    report = await run(operator, habits=(HABITS[name],), ffd_mix=(Ffd.V1_2,), plan=Plan(receipts=20))

    assert report.clean, [str(mismatch) for mismatch in report.tally.mismatches]
    documents = 23
    assert report.tally.confirmed_count == documents
    header = operator.messages[0][0]
    assert header[6:8] == (b"\x01\x02" if name == "old-firmware" else b"\x01\x20")
    assert header[26] & 3 == {"header-crc": 1, "full-crc": 2}.get(name, 0)
    connections = {"per-document": documents, "single-read": documents, "probe-first": 2 * documents, "batches": 3}
    assert operator.connections == connections.get(name, 1)


@pytest.mark.parametrize(
    ("bend", "rule"),
    [
        (changed(47, 0, 0, 9), Rule.FD),
        (rewritten(lambda body: body.replace(b"\x10\x04\x04\x00\x02", b"\x10\x04\x04\x00\x01")), Rule.FD),
        (changed(60, 0xFF, repair=False), Rule.CONTAINER_CRC),
        (changed(34, 0xA5), Rule.CONTAINER),
        (changed(39, 0x88), Rule.FN),
        (changed(8, 0x38, repair=False), Rule.SESSION),
        (changed(0, 0x2B, repair=False), Rule.SESSION),
        (changed(90, 0, 0, 0, 0), None),
        (lambda answer: answer[:-8] + b"\x00" * 8, None),
        (lambda answer: answer[:50], Rule.EXCHANGE),
        (lambda answer: b"HTTP/1.1 400 Bad Request\r\n\r\n", Rule.EXCHANGE),
    ],
)
async def test_an_answer_a_drive_would_refuse_is_told_and_asked_for_again(bend: Bend, rule: Rule | None) -> None:
    operator = TestOperator(faults=[Fault(fd=2, bend=bend, closes=True)])

    report = await run(operator)

    assert not report.clean
    assert report.unconfirmed == 0
    assert report.tally.resent == 1
    assert report.tally.mismatches[0].fd == 2
    assert all(mismatch.rule.refused_by_fn for mismatch in report.tally.mismatches) or rule is None
    if rule is not None:
        assert rule in rules(report)
    assert {len(copies) for copies in operator.documents.values()} == {1}


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"response_code": 14}, Rule.CODE),
        ({"operator_message": 0x02}, Rule.OPERATOR_MESSAGE),
        ({"clock_error": timedelta(hours=3)}, Rule.TIME),
    ],
)
async def test_a_wrong_value_is_told_of_each_document_and_the_queue_moves_on(
    options: dict[str, object], rule: Rule
) -> None:
    operator = TestOperator(**options)  # type: ignore[arg-type]

    report = await run(operator)

    assert rules(report) == {rule: 6}
    assert report.unconfirmed == 0
    assert not report.clean
    assert report.tally.resent == 0


async def test_a_dropped_connection_is_no_mismatch_and_the_same_bytes_come_again() -> None:
    operator = TestOperator(faults=[Fault(fd=fd, bend=dropped, times=2) for fd in (1, 3, 6)])

    report = await run(operator)

    assert report.clean
    assert report.tally.resent == 6
    assert {len(copies) for copies in operator.documents.values()} == {1}
    assert [container.fd for _, container in operator.messages] == [1, 1, 1, 2, 3, 3, 3, 4, 5, 6, 6, 6]


async def test_a_lost_confirmation_must_come_again_the_same() -> None:
    operator = TestOperator()

    report = await run(operator, lose_probability=1.0)

    assert report.clean
    assert report.tally.lost_on_purpose == report.tally.resent == 6
    assert report.tally.confirmed_count == 6


async def test_another_sign_on_the_repeat_is_told() -> None:
    def other_sign(answer: bytes) -> bytes:
        return changed(88, *(byte ^ 1 for byte in answer[88:92]))(answer) or b""

    operator = TestOperator(faults=[Fault(fd=4, bend=other_sign)])

    report = await run(operator, lose_probability=1.0)

    assert rules(report) == {Rule.SAME_AGAIN: 1}
    assert report.tally.mismatches[0].fd == 4


async def test_a_register_whose_answers_stay_wrong_stops_and_the_others_go_on() -> None:
    def bent_for_one(answer: bytes) -> bytes | None:
        return changed(47, 0, 0, 9)(answer) if answer[8:24] == FN.encode() else answer

    operator = TestOperator(faults=[Fault(fd=3, bend=bent_for_one, times=100)])

    report = await run(operator, registers=3)

    assert report.tally.stuck_registers == 1
    assert report.unconfirmed == 1
    assert report.tally.confirmed_count == 2 + 2 * 6
    assert rules(report) == {Rule.FD: 3}


async def test_an_answer_too_many_is_told() -> None:
    operator = TestOperator(faults=[Fault(fd=2, bend=lambda answer: answer + answer)])

    report = await run(operator)

    assert rules(report) == {Rule.EXCHANGE: 1}
    assert report.unconfirmed == 0


async def test_an_answer_in_pieces_is_lost_on_a_register_that_reads_once() -> None:
    patient = await run(TestOperator(pieces=2), habits=(HABITS["per-document"],))
    hasty = await run(TestOperator(pieces=2), habits=(HABITS["single-read"],))

    assert patient.clean
    assert rules(hasty) == {Rule.ONE_SEGMENT: 6}


async def test_an_answer_that_never_comes_ends_in_a_resend_and_at_last_in_giving_up() -> None:
    operator = TestOperator(silent=True)
    async with serving(operator), asyncio.timeout(DEADLINE_S):
        quick = order(operator, patience_s=0.6)
        report = await run_fleet(replace(quick, endpoint=replace(quick.endpoint, answer_timeout_s=0.1)))

    assert report.given_up
    assert not report.clean
    assert report.unconfirmed == 1
    assert report.tally.overdue >= 2
    assert {container.fd for _, container in operator.messages} == {1}


@pytest.mark.parametrize(("closes", "told"), [(True, False), (False, True)])
async def test_no_document_is_sent_before_the_service_message_is_answered(closes: bool, told: bool) -> None:
    operator = TestOperator(answers_service=False, closes_on_service=closes)

    async with serving(operator), asyncio.timeout(DEADLINE_S):
        quick = order(operator, habits=(HABITS["service-first"],), patience_s=0.5)
        report = await run_fleet(replace(quick, endpoint=replace(quick.endpoint, answer_timeout_s=0.1)))

    assert report.given_up
    assert not operator.messages
    assert (rules(report)[Rule.EXCHANGE] > 0) is told


async def test_nobody_listens() -> None:
    async with serving(TestOperator()) as operator:
        port_of_nobody = operator.port
    async with asyncio.timeout(DEADLINE_S):
        report = await run_fleet(order(TestOperator(port=port_of_nobody), registers=3, patience_s=0.4))

    assert report.given_up
    assert report.unconfirmed == 3
    assert report.tally.connections == 0
    assert report.tally.failed_connections > 3


async def test_an_operator_that_goes_and_comes_back_gets_every_document(tmp_path: Path) -> None:
    operator = TestOperator()
    async with asyncio.timeout(DEADLINE_S):
        with Recorder(tmp_path / "record.jsonl") as recorder:
            async with serving(operator) as first:
                port = first.port
                running = asyncio.create_task(
                    run_fleet(order(operator, registers=8, plan=Plan(receipts=60)), recorder=recorder)
                )
                await reached(lambda: len(operator.messages) > 60)
            before = len(operator.messages)
            await reached(lambda: not running.done())
            async with serving(operator, port):
                report = await running

    assert report.clean, [str(mismatch) for mismatch in report.tally.mismatches]
    assert before < report.tally.confirmed_count == 8 * (60 + 1 + 2 * 2 + 2)
    assert {len(copies) for copies in operator.documents.values()} == {1}
    lines = list(read_record(tmp_path / "record.jsonl"))
    assert len(lines) == report.tally.confirmed_count
    assert {(line.fn, line.fd): {bytes.fromhex(line.container)} for line in lines} == operator.documents


async def test_a_line_is_recorded_before_the_next_document_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    behind: list[int] = []

    def look(answer: bytes) -> bytes:
        fd = int.from_bytes(answer[47:50], "big")
        behind.append(fd - 1 - len(list(read_record(path))))
        return answer

    operator = TestOperator(faults=[Fault(fd=fd, bend=look) for fd in range(1, 7)])
    with Recorder(path) as recorder:
        async with serving(operator), asyncio.timeout(DEADLINE_S):
            await run_fleet(order(operator), recorder=recorder)

    assert behind == [0] * 6


async def test_a_record_that_cannot_be_written_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = TestOperator()
    with Recorder(tmp_path / "record.jsonl") as recorder:
        monkeypatch.setattr(recorder, "write", lambda _: (_ for _ in ()).throw(OSError("disk full")))
        async with serving(operator), asyncio.timeout(DEADLINE_S):
            with pytest.raises(OSError, match="disk full"):
                await run_fleet(order(operator, registers=3, plan=Plan(receipts=10_000)), recorder=recorder)


async def test_a_duration_ends_with_closed_shifts_and_empty_queues() -> None:
    operator = TestOperator()

    report = await run(operator, registers=3, plan=Plan(), duration_s=0.4)

    assert report.clean
    last: dict[str, int] = {}
    for _, container in operator.messages:
        last[container.fn] = container.document_code
    assert set(last.values()) == {5}
    assert 0.4 <= report.duration_s < 5


async def test_a_stop_ends_with_closed_shifts() -> None:
    operator = TestOperator()
    stop = asyncio.Event()
    async with serving(operator), asyncio.timeout(DEADLINE_S):
        running = asyncio.create_task(
            run_fleet(order(operator, plan=Plan(), duration_s=3600.0, rate_per_s=5.0), stop=stop)
        )
        await reached(lambda: len(operator.messages) >= 2)
        stop.set()
        report = await running

    assert report.clean
    assert operator.messages[-1][1].document_code == 5


async def test_a_stop_leaves_documents_built_in_advance_in_the_drives() -> None:
    operator = TestOperator()
    stop = asyncio.Event()
    async with serving(operator), asyncio.timeout(DEADLINE_S):
        running = asyncio.create_task(
            run_fleet(order(operator, plan=Plan(receipts=500), prebuilt=True, rate_per_s=20.0), stop=stop)
        )
        await reached(lambda: len(operator.messages) >= 2)
        stop.set()
        report = await running

    assert report.unconfirmed > 400
    assert not report.clean


async def test_a_rate_is_kept_in_an_open_loop() -> None:
    operator = TestOperator()

    report = await run(operator, registers=4, plan=Plan(receipts=10), rate_per_s=100.0)

    documents = 4 * 13
    assert report.tally.confirmed_count == documents
    assert report.duration_s >= (documents - 1) / 100.0


async def test_documents_built_in_advance_are_the_same_exchange() -> None:
    operator = TestOperator()

    report = await run(operator, registers=3, prebuilt=True, plan=Plan(receipts=5, closes_archive=True))

    assert report.clean
    assert report.tally.confirmed_count == 3 * 9
    assert Counter(container.document_code for _, container in operator.messages) == {1: 3, 2: 3, 3: 15, 5: 3, 6: 3}


async def test_progress_is_shown_while_it_runs() -> None:
    operator = TestOperator()
    seen = []
    async with serving(operator), asyncio.timeout(DEADLINE_S):
        await run_fleet(
            order(operator, plan=Plan(), duration_s=0.3),
            on_progress=lambda progress: seen.append((progress.elapsed_s, progress.tally.confirmed_count)),
            progress_every_s=0.05,
        )

    assert len(seen) >= 3
    assert seen == sorted(seen)


async def test_a_second_run_with_the_same_seed_is_a_wiped_drive() -> None:
    operator = TestOperator()
    async with serving(operator), asyncio.timeout(DEADLINE_S):
        reports = [await run_fleet(order(operator)) for _ in range(2)]

    assert all(report.clean for report in reports)
    assert {len(copies) for copies in operator.documents.values()} == {2}


async def test_a_known_operator_is_checked() -> None:
    operator = TestOperator()
    right = order(operator).endpoint

    async with serving(operator), asyncio.timeout(DEADLINE_S):
        endpoint = replace(right, port=operator.port)
        known = await run_fleet(order(operator, endpoint=replace(endpoint, operator_inn=OPERATOR_INN)))
        foreign = await run_fleet(order(operator, endpoint=replace(endpoint, operator_inn="7802781104")))

    assert known.clean
    assert rules(foreign) == {Rule.OPERATOR_INN: 6}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"registers": 0}, "at least one register"),
        ({"plan": Plan()}, "a number of receipts or a duration"),
        ({"plan": Plan(), "duration_s": 1.0, "prebuilt": True}, "only when their number is known"),
        ({"duration_s": 1.0, "prebuilt": True}, "a duration does not end"),
        ({"rate_per_s": 0.0}, "above zero"),
        ({"habits": ()}, "at least one format and one habit"),
        ({"rate_per_s": 1.0, "load": (LoadStep(rate_per_s=1.0),)}, "not both"),
        ({"plan": Plan(), "load": (LoadStep(rate_per_s=1.0),)}, "a number of receipts or a duration"),
        ({"prebuilt": True, "outages": (Outage(after_s=1.0, for_s=1.0),)}, "not sold during an outage"),
        ({"outages": (Outage(after_s=1.0, for_s=0.0),)}, "lasts a while"),
    ],
)
def test_orders_that_cannot_be_carried_out_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(FleetOrder(endpoint=Endpoint(host="127.0.0.1", port=1)), **changes)  # type: ignore[arg-type]


async def test_the_time_on_the_documents_is_the_clocks() -> None:
    class Frozen:
        def now(self) -> datetime:
            return datetime(2030, 5, 6, 7, 8, tzinfo=UTC)

    operator = TestOperator(clock_error=Frozen().now() - datetime.now(UTC))
    async with serving(operator), asyncio.timeout(DEADLINE_S):
        report = await run_fleet(order(operator), clock=Frozen())

    assert report.clean


async def reached(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, "the condition was not reached in time"
        await asyncio.sleep(0.005)


async def test_a_load_of_several_rates_ends_the_run() -> None:
    operator = TestOperator()
    load = (LoadStep(rate_per_s=100, for_s=0.2), LoadStep(rate_per_s=400, for_s=0.2))

    report = await run(operator, registers=4, plan=Plan(), load=load)

    assert report.clean
    assert report.open_loop
    assert report.duration_s >= 0.4
    due = 100
    assert due <= report.tally.confirmed_count + report.tally.missed <= due + 4 * 3


async def test_what_a_stalled_operator_kept_from_being_sent_counts_in_the_latencies() -> None:
    """One answer takes as long as forty documents are due: they all waited, though nobody could send them."""
    stalled = asyncio.Event()

    class Stalling(TestOperator):
        async def _answer(self, *arguments: object) -> bool:
            if len(self.messages) >= 5:
                await stalled.wait()
            return await super()._answer(*arguments)  # type: ignore[arg-type]

    operator = Stalling()
    async with serving(operator), asyncio.timeout(DEADLINE_S):
        running = asyncio.create_task(run_fleet(order(operator, plan=Plan(), rate_per_s=100.0, duration_s=0.5)))
        await reached(lambda: len(operator.messages) >= 5)
        await asyncio.sleep(0.6)
        stalled.set()
        report = await running

    assert report.clean
    assert report.tally.missed >= 30
    assert report.tally.latency.count == report.tally.missed + report.tally.confirmed_count
    median_ms = report.tally.latency.percentile_ms(50)
    assert median_ms is not None
    assert median_ms > 100


async def test_registers_that_were_cut_off_come_back_with_what_they_sold() -> None:
    operator = TestOperator()
    outage = Outage(after_s=0.3, for_s=0.5)

    report = await run(
        operator, registers=6, plan=Plan(), load=(LoadStep(rate_per_s=60, for_s=1.2),), outages=(outage,)
    )

    assert report.clean, [str(mismatch) for mismatch in report.tally.mismatches]
    assert report.tally.confirmed_count >= 72
    assert operator.connections >= 12
    by_register: dict[str, list[int]] = {}
    for _, container in operator.messages:
        by_register.setdefault(container.fn, []).append(container.fd)
    assert {tuple(sorted(set(fds))) == tuple(range(1, max(fds) + 1)) for fds in by_register.values()} == {True}


async def test_a_fleet_without_a_rate_sells_on_while_it_is_cut_off() -> None:
    operator = TestOperator()

    report = await run(operator, registers=2, plan=Plan(), duration_s=1.5, outages=(Outage(after_s=0.2, for_s=0.7),))

    assert report.clean
    assert operator.connections >= 4


async def test_a_document_nobody_can_read_holds_its_queue_and_no_other() -> None:
    def refuses(answer: bytes) -> bytes | None:
        return None

    operator = TestOperator(faults=[Fault(fd=6, bend=refuses, times=100)])

    report = await run(operator, registers=2, plan=Plan(receipts=8, broken_every=4))

    assert report.clean
    assert (report.tally.unreadable, report.tally.held_registers, report.unconfirmed) == (2, 2, 0)
    assert report.tally.confirmed_count == 2 * 5
    assert Counter(container.fd for _, container in operator.messages)[6] == 2 * 3


@pytest.mark.parametrize(
    ("options", "found"),
    [({}, "bytes"), ({"silent_from_fd": 6}, "no answer"), ({"half_at_fd": 6}, "bytes")],
)
async def test_another_reaction_to_an_unreadable_document_is_told(options: dict[str, int], found: str) -> None:
    class Careless(TestOperator):
        async def _answer(self, connection, event, writer):  # type: ignore[no-untyped-def]
            if event.container.fd == options.get("silent_from_fd"):
                connection.skip_answer()
                return True
            return await super()._answer(connection, event, writer)

    faults = (
        [Fault(fd=options["half_at_fd"], bend=lambda answer: answer[:40], closes=True)]
        if "half_at_fd" in options
        else []
    )
    operator = Careless(faults=faults)
    async with serving(operator), asyncio.timeout(DEADLINE_S):
        quick = order(operator, plan=Plan(receipts=8, broken_every=4))
        report = await run_fleet(replace(quick, endpoint=replace(quick.endpoint, answer_timeout_s=0.2)))

    assert rules(report) == {Rule.UNREADABLE: 1}
    assert found in report.tally.mismatches[0].found
    assert not report.clean
    assert report.tally.stuck_registers == 1


async def test_an_unreadable_document_may_be_answered_with_code_11() -> None:
    class Eleven(TestOperator):
        async def _answer(self, connection, event, writer):  # type: ignore[no-untyped-def]
            self.response_code = 11 if event.container.fd in (6, 10) else 0
            return await super()._answer(connection, event, writer)

    operator = Eleven()
    async with serving(operator), asyncio.timeout(DEADLINE_S):
        quick = order(operator, plan=Plan(receipts=8, broken_every=4))
        report = await run_fleet(replace(quick, endpoint=replace(quick.endpoint, unreadable="code11")))

    assert report.clean, [str(mismatch) for mismatch in report.tally.mismatches]
    assert report.tally.unreadable == 2
    assert report.tally.response_codes == {0: 9, 11: 2}


async def test_a_drive_that_fills_up_is_closed_and_the_refusal_is_counted() -> None:
    operator = TestOperator()

    report = await run(operator, registers=2, plan=Plan(receipts=100), capacity_documents=20)

    assert report.clean
    assert report.tally.confirmed_count == 2 * 20
    assert {refusal.name: count for refusal, count in report.refusals.items()} == {"ARCHIVE_FULL": 2}
    assert [container.document_code for _, container in operator.messages].count(6) == 2


async def test_a_newest_document_sent_out_of_turn_is_answered_and_stays_in_the_drive() -> None:
    operator = TestOperator()
    async with serving(operator), asyncio.timeout(DEADLINE_S):
        endpoint = replace(order(operator).endpoint, port=operator.port)
        (till,) = deal_tills(order(operator), SystemClock())
        online = asyncio.Event()
        online.set()
        register = Register(
            till,
            endpoint=endpoint,
            habit=HABITS["keep-alive"],
            tally=Tally(),
            clock=SystemClock(),
            connecting=asyncio.Semaphore(1),
            online=online,
        )
        assert await register.send_newest() is None
        for _ in range(3):
            till.issue_next(datetime.now(UTC))
        confirmed = await register.send_newest()
        register.close()

    assert confirmed is not None
    assert confirmed.fd == 3
    assert till.fn.unconfirmed_count == 3
    assert [container.fd for _, container in operator.messages] == [3]
