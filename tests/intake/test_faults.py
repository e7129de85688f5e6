"""Each fault as a register sees it: raw bytes through a real socket, rules and counters in a real database."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from ofd_gateway.crypto import EmulatorCrypto
from ofd_gateway.faults import What, parse_fault
from ofd_gateway.intake import Faults
from ofd_gateway.protocol import (
    CrcMode,
    ProtocolError,
    crc16,
    parse_confirmation,
    parse_container,
    parse_session_header,
)
from ofd_gateway.storage import Database, DatabaseUnavailable, DocumentStore, FaultBook
from tests.intake.running import RunningIntake, read_answer, running_intake, until
from tests.messages import DEBUG_FN, container, message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ofd_gateway.protocol import Container

FN = DEBUG_FN
OTHER_FN = "9999078900000002"
CRYPTO = EmulatorCrypto(b"k" * 32)


class Bench(RunningIntake):
    """An intake with faults on, over a database."""

    book: FaultBook
    faults: Faults

    async def add(self, what: str, **keys: Any) -> int:
        record = await self.book.add(parse_fault({"what": what, **keys}), "command", self.clock.now())
        await self.faults.refresh()
        return record.id

    async def hits(self) -> list[tuple[int, int]]:
        return [(record.seen, record.hits) for record in await self.book.list()]


@asynccontextmanager
async def bench(dsn: str) -> AsyncIterator[Bench]:
    database = await Database.connect(dsn)
    store = DocumentStore(database)
    book = FaultBook(database)
    try:
        async with running_intake(store) as intake:
            await book.switch((), intake.clock.now())
            intake.server.faults = Faults(book, CRYPTO, intake.clock, intake.metrics)
            intake.__class__ = Bench
            intake.book, intake.faults = book, intake.server.faults  # type: ignore[attr-defined]
            yield intake  # type: ignore[misc]
    finally:
        await store.close()
        await database.close()


class Peer:
    """A register that looks at every byte and at the end of the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, fd: int = 1, **options: Any) -> None:
        self.writer.write(message(container(FN, fd), fn=FN, **options))

    async def rest(self) -> bytes:
        """Everything until the gateway ends the connection; raises what a reset raises."""
        async with asyncio.timeout(10):
            return await self.reader.read()

    async def exactly(self, count: int) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readexactly(count)

    async def answer(self) -> bytes:
        return await read_answer(self.reader)


@asynccontextmanager
async def peer(intake: Bench) -> AsyncIterator[Peer]:
    reader, writer = await intake.connect()
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()


async def honest_answer(intake: Bench, fd: int = 1, **options: Any) -> bytes:
    """What a repeat gets once the faults are gone."""
    await intake.book.clear()
    await intake.faults.refresh()
    async with peer(intake) as register:
        register.send(fd, **options)
        return await register.answer()


def container_crc_fits(raw: bytes) -> bool:
    return int.from_bytes(raw[2:4], "little") == crc16(raw[4:], crc16(raw[:2]))


def lengths_fit(answer: bytes) -> bool:
    raw = answer[30:]
    return int.from_bytes(answer[24:26], "little") == len(raw) == int.from_bytes(raw[:2], "little")


def opened(answer: bytes) -> Container:
    return parse_container(answer[30:], kind=0x5A)


# -- nothing, or not all, is sent -------------------------------------------------------------------------------------


async def see_delay(intake: Bench, register: Peer) -> None:
    register.send()
    assert opened(await register.answer()).fd == 1


async def see_no_answer(intake: Bench, register: Peer) -> None:
    register.send(1)
    await until(lambda: intake.metric('faults_applied_total{what="no_answer"}') == 1)
    register.send(2)
    await until(lambda: intake.metric('faults_applied_total{what="no_answer"}') == 2)
    await intake.book.clear()
    await intake.faults.refresh()
    register.send(3)
    assert opened(await register.answer()).fd == 3, "the connection is kept and nothing was said before"


async def see_closed_unanswered(intake: Bench, register: Peer) -> None:
    register.send()
    assert await register.rest() == b""


async def see_header_only(intake: Bench, register: Peer) -> None:
    register.send()
    answer = await register.rest()
    assert (len(answer), parse_session_header(answer).body_length) == (30, 119)


async def see_half(intake: Bench, register: Peer) -> None:
    register.send()
    answer = await register.rest()
    assert len(answer) == (30 + parse_session_header(answer).body_length) // 2


async def see_seven_bytes_kept(intake: Bench, register: Peer) -> None:
    register.send()
    assert (await register.exactly(7))[:4].hex() == "2a08410a"
    await until(lambda: intake.metric('faults_applied_total{what="half_answer"}') == 1)
    await intake.book.clear()
    await intake.faults.refresh()
    register.send(2)
    assert opened(await register.answer()).fd == 2


async def see_reset(intake: Bench, register: Peer) -> None:
    register.send()
    with pytest.raises(ConnectionResetError):
        await register.rest()


async def see_reset_after_some(intake: Bench, register: Peer) -> None:
    register.send()
    try:
        assert (await register.exactly(12))[:4].hex() == "2a08410a"
    except ConnectionResetError:
        return  # the reset may overtake what was not read yet
    with pytest.raises(ConnectionResetError):
        await register.rest()


# -- all is sent, and one thing is wrong ------------------------------------------------------------------------------


async def whole(register: Peer, **options: Any) -> bytes:
    register.send(**options)
    return await register.answer()


async def see_byte_by_byte(intake: Bench, register: Peer) -> None:
    register.send()
    pieces = []
    while sum(map(len, pieces)) < 149:
        async with asyncio.timeout(10):
            pieces.append(await register.reader.read(4096))
    assert len(pieces) > 20, "the pauses let the pieces arrive apart"
    assert opened(b"".join(pieces)).fd == 1


async def see_other_fn_in_header(intake: Bench, register: Peer) -> None:
    answer = await whole(register)
    assert (parse_session_header(answer).fn, opened(answer).fn) == (OTHER_FN, FN)
    assert parse_confirmation(opened(answer)).fn == FN


async def see_other_fn_in_container(intake: Bench, register: Peer) -> None:
    answer = await whole(register, crc_mode=CrcMode.FULL)
    assert (parse_session_header(answer).fn, opened(answer).fn) == (FN, OTHER_FN)
    assert FN.encode() in opened(answer).body


async def see_other_fn_in_document(intake: Bench, register: Peer) -> None:
    answer = await whole(register)
    assert (parse_session_header(answer).fn, opened(answer).fn) == (FN, FN)
    with pytest.raises(ProtocolError, match="1041"):
        parse_confirmation(opened(answer))


async def see_other_fd(intake: Bench, register: Peer) -> None:
    told = parse_confirmation(opened(await whole(register)))
    assert (told.fd, told.response_code) == (2, 0)


async def see_other_fd_in_container(intake: Bench, register: Peer) -> None:
    answer = await whole(register)
    assert opened(answer).fd == 2
    assert struct.pack("<HHI", 1040, 4, 1) in opened(answer).body


async def see_other_fd_in_document(intake: Bench, register: Peer) -> None:
    answer = await whole(register)
    assert opened(answer).fd == 1
    assert struct.pack("<HHI", 1040, 4, 2) in opened(answer).body


async def see_bad_session_crc(intake: Bench, register: Peer) -> None:
    answer = await whole(register)
    assert answer[26] & 0b11 == CrcMode.HEADER
    assert int.from_bytes(answer[28:30], "little") == crc16(answer[:28]) ^ 0xFFFF
    assert parse_confirmation(opened(answer)).fd == 1


async def see_bad_full_session_crc(intake: Bench, register: Peer) -> None:
    answer = await whole(register, crc_mode=CrcMode.FULL)
    assert answer[26] & 0b11 == CrcMode.FULL
    assert int.from_bytes(answer[28:30], "little") == crc16(answer[30:], crc16(answer[:28])) ^ 0xFFFF


async def see_bad_container_crc(intake: Bench, register: Peer) -> None:
    answer = await whole(register)
    with pytest.raises(ProtocolError, match="CRC"):
        opened(answer)
    assert lengths_fit(answer)
    right = bytearray(answer[30:])
    right[2:4] = crc16(bytes(right[4:]), crc16(bytes(right[:2]))).to_bytes(2, "little")
    assert parse_confirmation(parse_container(bytes(right), kind=0x5A)).fd == 1


async def see_too_long(intake: Bench, register: Peer) -> None:
    register.send()
    answer = await register.exactly(149)
    assert int.from_bytes(answer[24:26], "little") == 129
    assert parse_confirmation(opened(answer)).fd == 1


async def see_too_short(intake: Bench, register: Peer) -> None:
    register.send()
    answer = await register.exactly(149)
    assert int.from_bytes(answer[24:26], "little") == 116
    assert parse_confirmation(opened(answer)).fd == 1


async def see_container_length(intake: Bench, register: Peer) -> None:
    answer = await whole(register)
    raw = answer[30:]
    assert (int.from_bytes(answer[24:26], "little"), int.from_bytes(raw[:2], "little")) == (119, 129)
    assert container_crc_fits(raw)


async def see_type_a5(intake: Bench, register: Peer) -> None:
    answer = await whole(register)
    assert parse_container(answer[30:], kind=0xA5).document_code == 7
    assert lengths_fit(answer)


async def see_no_trailer(intake: Bench, register: Peer) -> None:
    answer = await whole(register)
    assert len(answer) == 30 + 119 - 10
    assert lengths_fit(answer)
    assert container_crc_fits(answer[30:])
    assert int.from_bytes(answer[60:62], "big") == len(answer) - 30 - 32, "the plain text reaches to the end"


def see_code(code: int) -> Any:
    async def see(intake: Bench, register: Peer) -> None:
        answer = opened(await whole(register))
        assert parse_confirmation(answer).response_code == code
        assert CRYPTO.verify(answer, message_sign=b"\x81\x06" + struct.pack(">HI", 0x5150, 1))

    return see


async def see_bits(intake: Bench, register: Peer) -> None:
    answer = opened(await whole(register))
    told = parse_confirmation(answer)
    assert (told.response_code, told.operator_message) == (0, 6)
    assert CRYPTO.verify(answer, message_sign=b"\x81\x06" + struct.pack(">HI", 0x5150, 1))


async def see_twice(intake: Bench, register: Peer) -> None:
    register.send()
    first = await register.answer()
    assert await register.answer() == first
    assert opened(first).fd == 1


async def see_previous(intake: Bench, register: Peer) -> None:
    register.send(7)
    made = parse_confirmation(opened(await register.answer()))
    assert made.fd == 6, "no answer is known yet: one is made"
    register.send(8)
    told = opened(await register.answer())
    assert parse_confirmation(told).fd == 7
    assert CRYPTO.verify(told, message_sign=b"\x81\x06" + struct.pack(">HI", 0x5150, 7))
    register.send(8)
    assert opened(await register.answer()).fd == 7, "a repeat's own answer is not its previous one"


async def see_foreign_service_data(intake: Bench, register: Peer) -> None:
    answer = await whole(register)
    assert answer[37:39] == b"\x10\x0a"
    assert parse_confirmation(opened(answer)).fd == 1


async def see_service_message(intake: Bench, register: Peer) -> None:
    answer = await whole(register)
    assert (len(answer), answer[24:28]) == (30, b"\x00\x00\x00\x00")


async def see_service_message_with_crc(intake: Bench, register: Peer) -> None:
    answer = await whole(register, crc_mode=CrcMode.FULL)
    assert (len(answer), answer[24:28]) == (30, b"\x00\x00\x01\x00")
    assert int.from_bytes(answer[28:30], "little") == crc16(answer[:28])


SEEN: list[tuple[str, dict[str, Any], Any]] = [
    ("delay", {"delay": "20ms"}, see_delay),
    ("no_answer", {}, see_no_answer),
    ("no_answer", {"connection": "close"}, see_closed_unanswered),
    ("close_before_header", {}, see_closed_unanswered),
    ("close_before_header", {"delay": "20ms"}, see_closed_unanswered),
    ("close_after_header", {}, see_header_only),
    ("half_answer", {}, see_half),
    ("half_answer", {"bytes": 7, "connection": "keep"}, see_seven_bytes_kept),
    ("byte_by_byte", {"pause": "2ms"}, see_byte_by_byte),
    ("reset", {}, see_reset),
    ("reset", {"bytes": 12}, see_reset_after_some),
    ("wrong_fn_in_header", {}, see_other_fn_in_header),
    ("wrong_fn_in_container", {}, see_other_fn_in_container),
    ("wrong_fn_in_document", {}, see_other_fn_in_document),
    ("wrong_fd", {}, see_other_fd),
    ("wrong_fd_in_container", {}, see_other_fd_in_container),
    ("wrong_fd_in_document", {}, see_other_fd_in_document),
    ("bad_session_crc", {}, see_bad_session_crc),
    ("bad_session_crc", {"fn": FN}, see_bad_full_session_crc),
    ("bad_container_crc", {}, see_bad_container_crc),
    ("wrong_length", {}, see_too_long),
    ("wrong_length", {"length_change": -3}, see_too_short),
    ("wrong_container_length", {}, see_container_length),
    ("container_type_a5", {}, see_type_a5),
    ("missing_trailer", {}, see_no_trailer),
    ("response_code", {"code": 11}, see_code(11)),
    ("response_code", {"code": 14}, see_code(14)),
    ("response_code", {"code": 255}, see_code(255)),
    ("operator_message", {"bits": 6}, see_bits),
    ("duplicate_answer", {}, see_twice),
    ("previous_answer", {}, see_previous),
    ("foreign_service_data", {"service_data": "100a"}, see_foreign_service_data),
    ("service_message", {}, see_service_message),
    ("service_message", {"fn": FN}, see_service_message_with_crc),
]


def test_every_fault_is_seen() -> None:
    assert {what for what, _, _ in SEEN} == {what.value for what in What}


@pytest.mark.parametrize(
    ("what", "keys", "see"), SEEN, ids=[f"{what}-{'-'.join(map(str, keys.values()))}" for what, keys, _ in SEEN]
)
async def test_a_fault_is_on_the_wire_and_not_in_the_store(dsn: str, what: str, keys: dict[str, Any], see: Any) -> None:
    async with bench(dsn) as intake:
        await intake.add(what, **keys)
        with capture_logs() as logs:
            async with peer(intake) as register:
                await see(intake, register)
            await until(lambda: any(line["event"] == "document.accepted" for line in logs))
        applied = [line for line in logs if line["event"] == "fault.applied"]
        assert {(line["what"], line["fn"], line["deliberate"]) for line in applied} == {(what, FN, True)}
        assert intake.metric(f'faults_applied_total{{what="{what}"}}') == len(applied)
        [stored] = [row async for row in intake.store.list(fn=FN) if row.fd == applied[0]["fd"]]
        assert (stored.container, stored.response_code) == (container(FN, stored.fd), 0)
        honest = parse_confirmation(opened(await honest_answer(intake, stored.fd)))
        assert (honest.fd, honest.response_code, honest.operator_message) == (stored.fd, 0, 0)
        assert (honest.operator_sign, honest.trailer) == (stored.operator_sign, stored.trailer)


async def test_the_oldest_rule_that_is_applied_wins(dsn: str) -> None:
    async with bench(dsn) as intake:
        await intake.add("response_code", code=11, times=1)
        await intake.add("response_code", code=14)
        codes = []
        async with peer(intake) as register:
            for fd in (1, 2, 3):
                register.send(fd)
                codes.append(parse_confirmation(opened(await register.answer())).response_code)
        assert codes == [11, 14, 14]
        assert await intake.hits() == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("conditions", "spoilt"),
    [
        ({"every": 3}, [3, 6]),
        ({"first": 2}, [1, 2]),
        ({"times": 1, "every": 2}, [2]),
        ({"fd": "4-5"}, [4, 5]),
        ({"fn": FN[:6] + "*"}, [1, 2, 3, 4, 5, 6]),
        ({"fn": "8710*"}, []),
        ({"version": "1.2"}, []),
        ({"version": "0105", "fd": "6"}, [6]),
        ({"attempt": "repeat"}, []),
        ({"rnm": "0000000000024136", "times": 1}, [1]),
        ({"kind": "openShift"}, []),
    ],
)
async def test_conditions_choose_the_documents(dsn: str, conditions: dict[str, Any], spoilt: list[int]) -> None:
    async with bench(dsn) as intake:
        await intake.add("response_code", code=77, **conditions)
        found = []
        async with peer(intake) as register:
            for fd in range(1, 7):
                register.send(fd)
                if parse_confirmation(opened(await register.answer())).response_code == 77:
                    found.append(fd)
        assert found == spoilt


async def test_only_the_repeat_is_spoilt(dsn: str) -> None:
    async with bench(dsn) as intake:
        await intake.add("response_code", code=77, attempt="repeat")
        codes = []
        async with peer(intake) as register:
            for _ in range(2):
                register.send(1)
                codes.append(parse_confirmation(opened(await register.answer())).response_code)
        assert codes == [0, 77]


async def test_a_share_is_the_same_for_the_same_seed(dsn: str) -> None:
    runs = []
    for _ in range(2):
        async with bench(dsn) as intake:
            await intake.book.clear()
            await intake.add("response_code", code=77, probability=0.5, seed=4)
            codes = []
            async with peer(intake) as register:
                for fd in range(1, 21):
                    register.send(fd)
                    codes.append(parse_confirmation(opened(await register.answer())).response_code)
            runs.append(codes)
    assert runs[0] == runs[1]
    assert 3 < runs[0].count(77) < 17


async def test_a_message_that_wants_no_answer_is_left_alone(dsn: str) -> None:
    async with bench(dsn) as intake:
        await intake.add("close_before_header")
        async with peer(intake) as register:
            register.send(1, expects_answer=False)
            register.send(2)
            assert await register.rest() == b""
        assert await intake.hits() == [(1, 1)]


async def test_two_processes_share_the_counters(dsn: str) -> None:
    database = await Database.connect(dsn)
    book = FaultBook(database)
    fault = parse_fault({"what": "reset", "times": 3})
    async with bench(dsn) as intake:
        await intake.add("reset", times=3)
        [record] = await book.list()
        now = intake.clock.now()
        claims = await asyncio.gather(
            *(each.claim(record.id, fault, now) for each in (book, intake.book) for _ in range(6))
        )
        assert sum(claim.applied for claim in claims) == 3
        [record] = await book.list()
        assert (record.hits, record.is_spent, record.last_hit_at) == (3, True, now)
    await database.close()


async def test_without_the_database_the_answer_is_honest(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(*_: object) -> None:
        raise DatabaseUnavailable("the server is gone")

    async with bench(dsn) as intake:
        await intake.add("no_answer")
        monkeypatch.setattr(intake.book, "claim", lost)
        with capture_logs() as logs:
            async with peer(intake) as register:
                register.send()
                assert opened(await register.answer()).fd == 1
        assert [line["log_level"] for line in logs if line["event"] == "fault.unclaimed"] == ["warning"]


async def test_a_register_that_leaves_during_a_delay_harms_nobody(dsn: str) -> None:
    async with bench(dsn) as intake:
        await intake.add("byte_by_byte", pause="5ms", delay="50ms")
        with capture_logs() as logs:
            async with peer(intake) as register:
                register.send()
                await until(lambda: any(line["event"] == "fault.applied" for line in logs))
            await until(lambda: intake.server.connection_count == 0 and not intake.faults._playing)
        assert "document.accepted" in {line["event"] for line in logs}


async def test_a_long_delay_does_not_keep_the_gateway_from_stopping(dsn: str) -> None:
    async with bench(dsn) as intake:
        await intake.add("delay", delay="1h")
        intake.server.limits = type(intake.server.limits)(stop_timeout_s=0.2)
        async with peer(intake) as register:
            with capture_logs() as logs:
                register.send()
                await until(lambda: any(line["event"] == "document.accepted" for line in logs))
            [line] = [line for line in logs if line["event"] == "document.accepted"]
            assert (line["fd"], line["fault"], line["sent"]) == (1, 1, True)
            await intake.server.stop()
            assert await register.rest() == b""


async def test_rules_that_come_and_go_are_noticed_without_being_told(dsn: str) -> None:
    async with bench(dsn) as intake:
        watching = asyncio.create_task(intake.faults.keep_fresh())
        await intake.book.add(parse_fault({"what": "no_answer"}), "http", intake.clock.now())
        await until(lambda: bool(intake.faults._rules))
        await intake.book.clear()
        await until(lambda: not intake.faults._rules)
        watching.cancel()
