"""What a register sees on the wire: confirmations, repeats, refusals, limits."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from ofd_gateway.intake import Limits
from ofd_gateway.protocol import Connection, CrcMode, Role, parse_confirmation, parse_container
from ofd_gateway.storage import DocumentStore, StoreFailed
from ofd_gateway.storage.database import Database
from tests.intake.running import MemoryStore, RunningIntake, read_answer, running_intake, until
from tests.messages import DEBUG_FN, PLAIN_FN, container, document_body, message, tlv

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ofd_gateway.protocol import Confirmation


def confirmation(answer: bytes) -> Confirmation:
    return parse_confirmation(parse_container(answer[30:], kind=0x5A))


async def test_a_document_is_confirmed_with_its_own_numbers() -> None:
    async with running_intake() as intake:
        answer = await intake.exchange(message(container(fd=7)))
        told = confirmation(answer)
        assert (told.fn, told.fd, told.response_code, told.operator_inn) == (DEBUG_FN, 7, 0, "7704211201")
        assert told.confirmed_at == intake.clock.now()
        assert answer[6:8] == b"\x01\x05"
        assert answer[26:30] == b"\x14\x00\x00\x00"
        assert intake.metric('confirmations_total{code="0"}') == 1
        assert intake.metric("connections") == 0 or intake.server.connection_count <= 1


@pytest.mark.parametrize("mode", [CrcMode.HEADER, CrcMode.FULL])
async def test_a_session_crc_is_answered_in_kind(mode: CrcMode) -> None:
    async with running_intake() as intake:
        answer = await intake.exchange(message(container(), crc_mode=mode))
        register = Connection(Role.REGISTER)
        register.send_message(container(), version=b"\x01\x05", fn=DEBUG_FN, crc_mode=mode)
        register.receive(answer)
        assert register.next_event().container.fd == 1  # type: ignore[union-attr]


async def test_a_half_closed_register_still_reads_its_confirmation() -> None:
    async with running_intake() as intake:
        assert confirmation(await intake.exchange(message(container()), eof=True)).fd == 1


async def test_many_documents_go_through_one_connection_however_they_are_cut() -> None:
    async with running_intake() as intake:
        reader, writer = await intake.connect()
        writer.write(b"".join(message(container(fd=fd)) for fd in range(1, 6)))
        assert [confirmation(await read_answer(reader)).fd for _ in range(5)] == [1, 2, 3, 4, 5]
        for byte in message(container(fd=6)):
            writer.write(bytes([byte]))
            await writer.drain()
        assert confirmation(await read_answer(reader)).fd == 6
        writer.close()


async def test_a_message_that_wants_no_answer_is_stored_and_the_next_one_answered() -> None:
    async with running_intake() as intake:
        reader, writer = await intake.connect()
        writer.write(message(container(fd=1), expects_answer=False) + message(container(fd=2)))
        assert confirmation(await read_answer(reader)).fd == 2
        assert sorted(intake.store.rows) == [(DEBUG_FN, 1), (DEBUG_FN, 2)]
        writer.close()


async def test_a_repeat_is_confirmed_again_and_stored_once() -> None:
    async with running_intake() as intake:
        first = confirmation(await intake.exchange(message(container())))
        again = confirmation(await intake.exchange(message(container())))
        assert (again.operator_sign, again.trailer) == (first.operator_sign, first.trailer)
        assert len(intake.store.rows[DEBUG_FN, 1]) == 1


async def test_a_conflict_is_quarantined_and_answered_with_11() -> None:
    async with running_intake() as intake:
        await intake.exchange(message(container(PLAIN_FN), fn=PLAIN_FN))
        other = container(PLAIN_FN, body=document_body(PLAIN_FN, 1, total_kopecks=1))
        assert confirmation(await intake.exchange(message(other, fn=PLAIN_FN))).response_code == 11
        assert [(row.reason, row.raw) for row in intake.store.quarantined] == [("fd_conflict", other)]


async def test_a_service_request_is_answered_and_the_connection_kept() -> None:
    async with running_intake() as intake:
        reader, writer = await intake.connect()
        writer.write(Connection(Role.REGISTER).send_service(version=b"\x01\x20", fn=DEBUG_FN))
        answer = await read_answer(reader)
        assert (len(answer), answer[26:28]) == (30, b"\x00\x00")
        writer.write(message(container()))
        assert confirmation(await read_answer(reader)).fd == 1
        writer.close()


def overrun() -> bytes:
    body = document_body(DEBUG_FN, 1) + struct.pack("<HH", 1059, 50)
    return body[:2] + struct.pack("<H", len(body) - 4) + body[4:]


def deep(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = tlv(1059, inner)
    body = document_body(DEBUG_FN, 1) + inner
    return body[:2] + struct.pack("<H", len(body) - 4) + body[4:]


UNREADABLE = {
    "encrypted_or_corrupt": container(body=b"\xce\x12" + b"\x5a" * 60),
    "tlv_overrun": container(body=overrun()),
    "nesting_too_deep": container(body=deep(100)),
    "document_code": container(code=7),
    "document_fn": container(body=document_body(PLAIN_FN, 1)),
    "document_fd": container(body=document_body(DEBUG_FN, 2)),
}


@pytest.mark.parametrize("reason", UNREADABLE)
async def test_an_unreadable_body_is_quarantined_and_closed_without_a_byte(reason: str) -> None:
    async with running_intake() as intake:
        raw = message(UNREADABLE[reason])
        assert await intake.exchange(raw) == b""
        assert [(row.reason, row.fd, row.raw) for row in intake.store.quarantined] == [(reason, 1, raw)]
        assert confirmation(await intake.exchange(message(container()))).fd == 1


@pytest.mark.parametrize("reason", ["encrypted_or_corrupt", "tlv_overrun", "document_code"])
async def test_an_unreadable_body_may_be_answered_with_11(reason: str) -> None:
    async with running_intake(answer_unreadable=True) as intake:
        reader, writer = await intake.connect()
        writer.write(message(UNREADABLE[reason]))
        told = confirmation(await read_answer(reader))
        assert (told.response_code, told.fd) == (11, 1)
        assert [row.reason for row in intake.store.quarantined] == [reason]
        writer.write(message(container(fd=2)))
        assert confirmation(await read_answer(reader)).fd == 2
        writer.close()


@pytest.mark.parametrize("reason", ["document_fn", "document_fd"])
async def test_somebody_elses_document_is_never_answered(reason: str) -> None:
    async with running_intake(answer_unreadable=True) as intake:
        assert await intake.exchange(message(UNREADABLE[reason])) == b""


async def test_broken_frames_are_closed_and_quarantined_when_the_header_was_readable() -> None:
    async with running_intake() as intake:
        damaged = bytearray(message(container()))
        damaged[80] ^= 1
        assert await intake.exchange(bytes(damaged)) == b""
        assert await intake.exchange(b"GET / HTTP/1.1\r\n\r\n") == b""
        assert await intake.exchange(bytes.fromhex("DD80CAA1")) == b""
        (row,) = intake.store.quarantined
        assert (row.reason, row.fn, row.fd, row.raw) == ("container_crc", DEBUG_FN, 1, bytes(damaged))
        assert intake.metric('rejections_total{reason="session_signature"}') == 1
        assert intake.metric('rejections_total{reason="marking_protocol"}') == 1


async def test_a_message_cut_short_by_the_peer_is_quarantined() -> None:
    async with running_intake() as intake:
        assert await intake.exchange(message(container())[:100], eof=True) == b""
        await until(lambda: bool(intake.store.quarantined))
        assert intake.store.quarantined[0].reason == "truncated"


async def test_a_probe_is_nothing_to_talk_about() -> None:
    async with running_intake() as intake:
        with capture_logs() as logs:
            _, writer = await intake.connect()
            await until(lambda: intake.server.connection_count == 1)
            writer.close()
            await until(lambda: intake.server.connection_count == 0)
        assert {entry["log_level"] for entry in logs} <= {"debug"}


async def test_an_unknown_version_is_taken_and_logged() -> None:
    async with running_intake() as intake:
        with capture_logs() as logs:
            answer = await intake.exchange(message(container(), version=b"\x09\x09"))
        assert answer[6:8] == b"\x09\x09"
        assert [entry["version"] for entry in logs if entry["event"] == "session.unknown_version"] == ["0909"]


async def test_no_contact_or_name_of_a_person_reaches_the_log() -> None:
    body = document_body(DEBUG_FN, 1, t1008=b"+79990001122", t1021=b"Ivanova I.I.")
    async with running_intake() as intake:
        with capture_logs() as logs:
            await intake.exchange(message(container(body=body)))
        assert [entry["event"] for entry in logs if entry["log_level"] != "debug"] == ["document.accepted"]
        assert "79990001122" not in str(logs)
        assert "Ivanova" not in str(logs)


async def test_a_lone_document_does_not_wait_and_a_crowd_shares_a_transaction() -> None:
    async with running_intake() as intake:
        intake.store.gate.clear()
        links = [await intake.connect() for _ in range(20)]
        for number, (_, writer) in enumerate(links):
            fn = f"9999{number:012d}"
            writer.write(message(container(fn), fn=fn))
        await until(lambda: intake.metric("connections_opened_total") == 20)
        await asyncio.sleep(0.05)
        intake.store.gate.set()
        answers = [confirmation(await read_answer(reader)) for reader, _ in links]
        assert {told.fd for told in answers} == {1}
        assert sum(intake.store.batches) == 20
        assert max(intake.store.batches) > 5
        for _, writer in links:
            writer.close()


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)], ids=["forward", "back"])
async def test_a_wall_clock_that_jumps_changes_the_time_in_confirmations_and_nothing_else(jump: timedelta) -> None:
    """Batches, connections and what waits for the store go by a clock that nobody sets."""
    limits = Limits(idle_timeout_s=30, message_timeout_s=30, store_timeout_s=30)
    async with running_intake(limits=limits) as intake:
        reader, writer = await intake.connect()
        part, whole = message(container(fd=1)), message(container(fd=2))
        writer.write(part[:50])
        await until(lambda: intake.server.connection_count == 1)
        intake.clock.time += jump
        writer.write(part[50:])
        first = confirmation(await read_answer(reader))
        intake.store.gate.clear()
        intake.store.failures.append(StoreFailed("away", committed="no"))
        writer.write(whole)
        await until(lambda: next(iter(intake.server._connections)).is_busy)
        intake.clock.time -= 2 * jump
        intake.store.gate.set()
        second = confirmation(await read_answer(reader))
        writer.write(whole)
        again = confirmation(await read_answer(reader))
        assert (first.fd, second.fd, again.fd) == (1, 2, 2)
        assert second.confirmed_at == first.confirmed_at - 2 * jump == intake.clock.now()
        assert again.trailer == second.trailer
        assert [len(rows) for rows in intake.store.rows.values()] == [1, 1]
        writer.close()


class TestLimits:
    async def test_a_slow_sender_is_cut_off(self) -> None:
        async with running_intake(limits=Limits(message_timeout_s=0.1)) as intake:
            reader, writer = await intake.connect()
            writer.write(message(container())[:40])
            assert await read_answer(reader) == b""
            writer.close()

    async def test_a_drop_now_and_then_does_not_prolong_the_time_for_a_message(self) -> None:
        async with running_intake(limits=Limits(message_timeout_s=0.3)) as intake:
            reader, writer = await intake.connect()
            answer = asyncio.create_task(read_answer(reader))
            for byte in message(container())[:60]:
                if answer.done():
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)
            assert await answer == b""
            writer.close()

    async def test_a_silent_connection_is_closed(self) -> None:
        async with running_intake(limits=Limits(idle_timeout_s=0.1)) as intake:
            reader, writer = await intake.connect()
            assert await read_answer(reader) == b""
            writer.close()

    async def test_the_idle_time_begins_anew_with_each_message(self) -> None:
        async with running_intake(limits=Limits(idle_timeout_s=0.4)) as intake:
            reader, writer = await intake.connect()
            for fd in range(1, 5):
                await asyncio.sleep(0.15)
                writer.write(message(container(fd=fd)))
                assert confirmation(await read_answer(reader)).fd == fd
            writer.close()

    async def test_a_full_gateway_refuses_and_recovers(self) -> None:
        async with running_intake(limits=Limits(max_connections=2)) as intake:
            _, first = await intake.connect()
            _, second = await intake.connect()
            await until(lambda: intake.server.connection_count == 2)
            assert await intake.exchange(message(container())) == b""
            first.close()
            await until(lambda: intake.server.connection_count == 1)
            assert confirmation(await intake.exchange(message(container()))).fd == 1
            second.close()

    async def test_the_newest_connection_of_an_fn_wins(self) -> None:
        async with running_intake(limits=Limits(max_connections_per_fn=2)) as intake:
            links = [await intake.connect() for _ in range(3)]
            for fd, (reader, writer) in enumerate(links, start=1):
                writer.write(message(container(fd=fd)))
                assert confirmation(await read_answer(reader)).fd == fd
            assert await read_answer(links[0][0]) == b""
            links[1][1].write(message(container(fd=4)))
            assert confirmation(await read_answer(links[1][0])).fd == 4
            for _, writer in links:
                writer.close()

    async def test_a_connection_of_an_fn_is_refused_while_all_others_are_busy(self) -> None:
        async with running_intake(limits=Limits(max_connections_per_fn=2)) as intake:
            intake.store.gate.clear()
            links = [await intake.connect() for _ in range(2)]
            for fd, (_, writer) in enumerate(links, start=1):
                writer.write(message(container(fd=fd)))
            await until(lambda: intake.metric("connections_opened_total") == 2)
            await asyncio.sleep(0.05)
            assert await intake.exchange(message(container(fd=3))) == b""
            intake.store.gate.set()
            for fd, (reader, writer) in enumerate(links, start=1):
                assert confirmation(await read_answer(reader)).fd == fd
                writer.close()

    async def test_a_message_that_is_too_long_is_refused_by_its_header(self) -> None:
        async with running_intake(limits=Limits(max_message_bytes=100)) as intake:
            assert await intake.exchange(message(container())[:30]) == b""
            assert intake.store.quarantined[0].reason == "message_too_long"

    async def test_a_register_that_never_reads_is_cut_off(self) -> None:
        async with running_intake(limits=Limits(write_timeout_s=0.2)) as intake:
            loop = asyncio.get_running_loop()
            service = Connection(Role.REGISTER).send_service(version=b"\x01\x05", fn=DEBUG_FN)
            with capture_logs() as logs, narrow_socket() as narrow, pytest.raises(ConnectionError):
                await narrow_connect(narrow, intake.port)
                async with asyncio.timeout(60):
                    while True:
                        await loop.sock_sendall(narrow, service * 2000)
            assert [entry["waiting_for"] for entry in logs if entry["event"] == "connection.timed_out"] == ["write"]
            await until(lambda: intake.server.connection_count == 0)

    @pytest.mark.parametrize("end", ["idle", "half-closed", "garbage"])
    async def test_answers_that_nobody_reads_do_not_keep_a_connection_that_ends(self, end: str) -> None:
        limits = Limits(write_timeout_s=0.3, idle_timeout_s=0.3 if end == "idle" else 60)
        async with running_intake(limits=limits) as intake:
            with capture_logs() as logs, narrow_socket() as narrow:
                await narrow_connect(narrow, intake.port)
                await fill_a_little(narrow, intake)
                if end == "half-closed":
                    narrow.shutdown(socket.SHUT_WR)
                elif end == "garbage":
                    narrow.send(b"\0" * 30)
                await until(lambda: intake.server.connection_count == 0)
            assert [entry["waiting_for"] for entry in logs if entry["event"] == "connection.timed_out"] == ["write"]


@contextlib.contextmanager
def narrow_socket() -> Iterator[socket.socket]:
    with socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.setblocking(False)
        yield narrow


async def narrow_connect(narrow: socket.socket, port: int) -> None:
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", port))


async def fill_a_little(narrow: socket.socket, intake: RunningIntake) -> None:
    """Asks without reading until answers wait in the gateway, but so few that it goes on to read."""
    loop = asyncio.get_running_loop()
    await until(lambda: intake.server.connection_count == 1)
    (connection,) = intake.server._connections
    assert connection._transport is not None
    connection._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    service = Connection(Role.REGISTER).send_service(version=b"\x01\x05", fn=DEBUG_FN)
    asked = 0
    async with asyncio.timeout(20):
        while connection._transport.get_write_buffer_size() < 16_384:
            await loop.sock_sendall(narrow, service * 200)
            asked += 200
            await until(lambda: intake.metric('messages_total{outcome="service"}') >= asked)
    assert not connection._write_paused


class TestInventory:
    async def test_an_unknown_fn_is_quarantined(self) -> None:
        async with running_intake(only_known=True) as intake:
            assert await intake.exchange(message(container())) == b""
            assert intake.store.quarantined[0].reason == "unknown_fn"

    @pytest.mark.parametrize("known", [DEBUG_FN, "0000000000024136"])
    async def test_a_known_fn_or_register_is_taken(self, known: str) -> None:
        async with running_intake(only_known=True) as intake:
            intake.store.known.add(known)
            for fd in (1, 2):
                assert confirmation(await intake.exchange(message(container(fd=fd)))).fd == fd

    async def test_an_inventory_that_fails_confirms_nothing(self) -> None:
        async with running_intake(only_known=True) as intake:
            intake.store.failures.append(StoreFailed("gone", committed="no"))
            assert await intake.exchange(message(container())) == b""
            assert intake.store.rows == {}


class TestDatabaseFaults:
    async def test_a_transaction_that_did_not_commit_is_tried_again(self) -> None:
        async with running_intake() as intake:
            intake.store.failures.extend([StoreFailed("gone", committed="no")] * 2)
            with capture_logs() as logs:
                assert confirmation(await intake.exchange(message(container()))).fd == 1
            events = [entry["event"] for entry in logs]
            assert events.count("store.failed") == 1
            assert events.count("store.recovered") == 1

    async def test_each_cause_is_told_once_until_it_is_over(self) -> None:
        def gone(detail: str) -> StoreFailed:
            return StoreFailed(f"ConnectionRefusedError: {detail}", committed="no")

        full = StoreFailed("DiskFullError: no space", committed="no", sqlstate="53100")
        async with running_intake() as intake:
            with capture_logs() as logs:
                for failures in ([gone("1"), full, gone("2"), full], [gone("3")]):
                    intake.store.failures.extend(failures)
                    await intake.exchange(message(container()))
            told = [entry.get("sqlstate") for entry in logs if entry["event"] == "store.failed"]
            assert told == [None, "53100", None]

    async def test_a_recovery_is_known_before_a_register_finds_out(self) -> None:
        async with running_intake() as intake:
            intake.store.failures.append(StoreFailed("gone", committed="unknown"))
            with capture_logs() as logs:
                assert await intake.exchange(message(container())) == b""
                assert not intake.metrics.database_is_up()
                await until(intake.metrics.database_is_up)
            assert [entry["event"] for entry in logs if entry["event"] == "store.recovered"]
            assert intake.store.rows == {}

    async def test_without_a_database_the_connection_is_closed_after_a_while(self) -> None:
        async with running_intake(limits=Limits(store_timeout_s=0.3)) as intake:
            intake.store.failures.extend([StoreFailed("gone", committed="no")] * 100)
            assert await intake.exchange(message(container())) == b""
            assert intake.metric('messages_total{outcome="unstored"}') == 1
            intake.store.failures.clear()
            assert confirmation(await intake.exchange(message(container()))).fd == 1

    async def test_an_unknown_outcome_is_never_answered(self) -> None:
        async with running_intake() as intake:
            intake.store.failures.append(StoreFailed("cut at COMMIT", committed="unknown"))
            assert await intake.exchange(message(container())) == b""
            assert confirmation(await intake.exchange(message(container()))).fd == 1

    async def test_one_document_that_the_database_refuses_does_not_cost_the_others_their_answers(self) -> None:
        class PickyStore(MemoryStore):
            async def commit(self, arrivals, ledger, now):  # type: ignore[no-untyped-def]
                await self.gate.wait()
                if any(one.container.fd == 13 for one in arrivals):
                    raise StoreFailed("value out of range", committed="no", retryable=False)
                return await super().commit(arrivals, ledger, now)

        async with running_intake(PickyStore()) as intake:
            intake.store.gate.clear()
            links = [await intake.connect() for _ in range(6)]
            for number, (_, writer) in enumerate(links):
                fn = f"9999{number:012d}"
                fd = 13 if number == 3 else 1
                writer.write(message(container(fn, fd), fn=fn))
            await asyncio.sleep(0.05)
            intake.store.gate.set()
            answers = [await read_answer(reader) for reader, _ in links]
            assert [bool(answer) for answer in answers] == [True, True, True, False, True, True]
            assert [(row.reason, row.fd) for row in intake.store.quarantined] == [("unstorable", 13)]
            for _, writer in links:
                writer.close()

    async def test_a_quarantine_that_fails_is_told(self) -> None:
        async with running_intake() as intake:
            intake.store.failures.append(StoreFailed("gone", committed="no"))
            with capture_logs() as logs:
                assert await intake.exchange(message(UNREADABLE["tlv_overrun"])) == b""
            assert "quarantine.failed" in [entry["event"] for entry in logs]

    async def test_a_peer_that_resets_while_we_store_is_confirmed_when_it_comes_again(self) -> None:
        async with running_intake() as intake:
            intake.store.gate.clear()
            _, writer = await intake.connect()
            writer.write(message(container()))
            await writer.drain()
            await until(lambda: intake.server.connection_count == 1)
            await asyncio.sleep(0.05)
            writer.transport.abort()
            await asyncio.sleep(0.05)
            intake.store.gate.set()
            await until(lambda: bool(intake.store.rows))
            assert confirmation(await intake.exchange(message(container()))).fd == 1
            assert len(intake.store.rows[DEBUG_FN, 1]) == 1


async def test_a_stop_sends_the_answers_in_hand_and_closes_the_rest() -> None:
    async with running_intake() as intake:
        intake.store.gate.clear()
        idle_reader, idle_writer = await intake.connect()
        reader, writer = await intake.connect()
        writer.write(message(container()))
        await until(lambda: intake.server.connection_count == 2)
        await asyncio.sleep(0.05)
        stopping = asyncio.create_task(intake.server.stop())
        assert await read_answer(idle_reader) == b""
        intake.store.gate.set()
        assert confirmation(await read_answer(reader)).fd == 1
        await stopping
        assert intake.server.connection_count == 0
        idle_writer.close()
        writer.close()


async def test_documents_go_through_a_real_database(dsn: str) -> None:
    database = await Database.connect(dsn)
    store = DocumentStore(database)
    try:
        async with running_intake(store) as intake:
            first = await intake.exchange(message(container(PLAIN_FN), fn=PLAIN_FN))
            again = await intake.exchange(message(container(PLAIN_FN), fn=PLAIN_FN))
            assert confirmation(again).trailer == confirmation(first).trailer
            other = container(PLAIN_FN, sign=b"other!")
            assert confirmation(await intake.exchange(message(other, fn=PLAIN_FN))).response_code == 11
            assert await intake.exchange(message(UNREADABLE["tlv_overrun"])) == b""
        records = [record async for record in store.list(limit=0)]
        assert [(record.fn, record.fd, record.container) for record in records] == [(PLAIN_FN, 1, container(PLAIN_FN))]
        assert [row.reason for row in await store.list_quarantine()] == ["fd_conflict", "tlv_overrun"]
        assert await store.is_known(PLAIN_FN, None)
        assert not await store.is_known("9999000000000009", "1")
    finally:
        await store.close()
        await database.close()
